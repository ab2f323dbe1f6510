#!/usr/bin/env node
/** The enclave as a process of a development machine: its keys lie beside it, and whatever it answers is UNATTESTED. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { answerBoot } from '../boot.ts'
import { CodedError } from '../protocol/errors.ts'
import { parseStrictJson } from '../protocol/strict-json.ts'
import { newBootOf } from '../roles.ts'
import { installFastHashes } from '../shell/fast-hashes.ts'
import { listen } from '../shell/transport.ts'
import { openParts, type PartOptions } from './parts.ts'

const USAGE = `usage: node enclave/development/main.ts --listen unix:///path|tcp://host:port|vsock://cid:port --wrapping-key FILE
  [--peer-cid NUMBER]    who may enter by vsock: 2 in a guest of QEMU; otherwise the parent's, 3
  [--config FILE]        what it is for; otherwise it waits for configure
  [--nsm-root FILE]      the root above its documents, made on first use; otherwise one of its own
  [--measurements FILE]  {"pcr0", "pcr1", "pcr2", "pcr3"} in hex, for rehearsals; otherwise zero, as in debug mode
  [--kms ENDPOINT --kms-ca FILE]  a stand-in of KMS behind a byte pipe, and the authority of its certificate`
const EXIT_USAGE = 2
const EXIT_FAILED = 1

type Options = PartOptions & {
  readonly listen: string
  readonly peerCid: number | undefined
  readonly config: string | undefined
  readonly withParent: boolean
}

async function main(): Promise<void> {
  const options = readOptions()
  await installFastHashes()
  const parts = await openParts(options, report)
  const boot = newBootOf(parts)
  if (options.config !== undefined) boot.role = boot.begin(readJson(options.config))
  const listener = await listen(options.listen, async (request) => answerBoot(boot, request), {}, options.peerCid)
  process.stdout.write(`${JSON.stringify({ ready: true, listen: listener.endpoint })}\n`)
  const stop = (): void => void listener.close().then(() => process.exit(0))
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  if (options.withParent) process.stdin.on('end', stop).on('error', stop).resume()
}

function report(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        listen: { type: 'string' },
        'peer-cid': { type: 'string' },
        config: { type: 'string' },
        'wrapping-key': { type: 'string' },
        'nsm-root': { type: 'string' },
        measurements: { type: 'string' },
        kms: { type: 'string' },
        'kms-ca': { type: 'string' },
        'with-parent': { type: 'boolean', default: false },
      },
    })
    const { listen: endpoint, config, 'wrapping-key': wrappingKey, 'with-parent': withParent } = values
    const peerCid = values['peer-cid'] === undefined ? undefined : Number.parseInt(values['peer-cid'], 10)
    const { 'nsm-root': nsmRoot, measurements, kms, 'kms-ca': kmsCa } = values
    if (endpoint !== undefined && wrappingKey !== undefined && (kms === undefined) === (kmsCa === undefined))
      return { listen: endpoint, peerCid, config, wrappingKey, nsmRoot, measurements, kms, kmsCa, withParent }
  } catch {
    // An unknown option gets the same line.
  }
  process.stderr.write(`${USAGE}\n`)
  process.exit(EXIT_USAGE)
}

function readJson(path: string): unknown {
  const parsed = parseStrictJson(readOrRefuse(path))
  if (parsed.kind !== 'object')
    throw new CodedError('CONFIG_INVALID', `${path}: expected a JSON object, got ${parsed.kind}`)
  return parsed.value
}

function readOrRefuse(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CodedError('CONFIG_INVALID', `expected to read ${path}, got ${code}`, { cause })
  }
}

main().catch((error: unknown) => {
  const text = error instanceof CodedError ? `${error.code}: ${error.message}. ${error.action}` : String(error)
  process.stderr.write(`${text}\n`)
  process.exit(EXIT_FAILED)
})
