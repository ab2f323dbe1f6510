#!/usr/bin/env node
/** The enclave as a process of a development machine: its keys lie beside it, and whatever it answers is UNATTESTED. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { answerSoon } from '../dispatch.ts'
import { newInstance } from '../instance.ts'
import { parseConfiguration } from '../protocol/configuration.ts'
import { CodedError } from '../protocol/errors.ts'
import { parseStrictJson } from '../protocol/strict-json.ts'
import { systemClock } from '../shell/clock.ts'
import { randomBytes } from '../shell/entropy.ts'
import { installFastHashes } from '../shell/fast-hashes.ts'
import { listen } from '../shell/transport.ts'
import { openDevelopmentKms } from './kms.ts'

const USAGE =
  'usage: node enclave/development/main.ts --listen unix:///path|tcp://host:port --config FILE --wrapping-key FILE'
const EXIT_USAGE = 2
const EXIT_FAILED = 1

async function main(): Promise<void> {
  const options = readOptions()
  const configuration = parseConfiguration(readJson(options.config))
  await installFastHashes()
  const kms = openDevelopmentKms(options.wrappingKey, randomBytes)
  const instance = newInstance({ configuration, kms, entropy: randomBytes, clock: systemClock, report })
  const listener = await listen(options.listen, async (request) => answerSoon(instance, request))
  process.stdout.write(`${JSON.stringify({ ready: true, listen: listener.endpoint, ledgerId: instance.ledgerId })}\n`)
  const stop = (): void => void listener.close().then(() => process.exit(0))
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  if (options.withParent) process.stdin.on('end', stop).on('error', stop).resume()
}

function report(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
}

function readOptions(): { listen: string; config: string; wrappingKey: string; withParent: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        listen: { type: 'string' },
        config: { type: 'string' },
        'wrapping-key': { type: 'string' },
        'with-parent': { type: 'boolean', default: false },
      },
    })
    const { listen: endpoint, config, 'wrapping-key': wrappingKey, 'with-parent': withParent } = values
    if (endpoint !== undefined && config !== undefined && wrappingKey !== undefined)
      return { listen: endpoint, config, wrappingKey, withParent }
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
