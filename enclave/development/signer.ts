#!/usr/bin/env node
/**
 * The signer of a demonstration, without an enclave. WARNING: its key is in the memory of a plain process, whoever owns the
 * machine has it, and a document that it shows is one that it was given. Policy and refusals are the real ones.
 *
 * One line of JSON on standard input says what it needs, so that the key stands in no list of processes; it ends with that
 * input.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { SignerRelease } from '../keys/key-release.ts'
import { decodeBase64 } from '../protocol/base64.ts'
import { CodedError, type ErrorCode, refuse } from '../protocol/errors.ts'
import { decodeMessage } from '../protocol/frame.ts'
import { fromHexOr } from '../protocol/ids.ts'
import { SIGNER_REQUEST_BYTES_MAX } from '../protocol/signer-methods.ts'
import { parseStrictJson } from '../protocol/strict-json.ts'
import { parseEndpoint } from '../shell/endpoint.ts'
import { installFastHashes } from '../shell/fast-hashes.ts'
import { listen } from '../shell/transport.ts'
import { answerSigner } from '../signer/dispatch.ts'
import { newSigner, type Signer, type SignerSurroundings } from '../signer/signer.ts'

const USAGE = 'usage: node enclave/development/signer.ts --listen tcp://host:port|unix:///path [--expose]'
const EXIT_USAGE = 2
const EXIT_FAILED = 1
const KEY_ID = 'demonstration'
const KEY_FORM = /^(?:0x)?([0-9a-fA-F]{64})$/
const LOOPBACK = /^(?:127(?:\.[0-9]{1,3}){3}|::1|localhost)$/

type Start = {
  readonly privateKey: string
  /** Parameters of `provision`, without a ciphertext. */
  readonly terms: { readonly [name: string]: unknown }
  readonly document: string | undefined
}

async function main(): Promise<void> {
  const { endpoint, expose } = readOptions()
  checkReach(endpoint, expose)
  await installFastHashes()
  const start = readStart(await firstLine())
  const signer = newSigner({ begin: () => releaseOf(start.privateKey), ...documentOf(start.document), report })
  const { address } = await provision(signer, start.terms)
  const limits = { frameBytesMax: SIGNER_REQUEST_BYTES_MAX }
  const listener = await listen(endpoint, async (request) => answerSigner(signer, request), limits)
  warn('WARNING: a demonstration. The key is in this process, outside of any enclave; nothing here is attested.')
  process.stdout.write(`${JSON.stringify({ ready: true, listen: listener.endpoint, address })}\n`)
  const stop = (): void => void listener.close().then(() => process.exit(0))
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.stdin.on('end', stop).on('error', stop).resume()
}

/** Whoever reaches it has signed what the policy allows: it asks nobody who he is. */
function checkReach(endpoint: string, expose: boolean): void {
  const parsed = parseEndpoint(endpoint)
  const near = parsed.kind === 'unix' || (parsed.kind === 'tcp' && LOOPBACK.test(parsed.host))
  if (!near && !expose) refuse('CONFIG_INVALID', 'an endpoint on the loopback interface, or --expose', endpoint)
  if (!near) warn('WARNING: whoever reaches this endpoint can have signed what the policy allows.')
}

/** The key lies here already: there is nothing to draw, and no ciphertext to open. */
function releaseOf(privateKey: string): SignerRelease {
  const [, digits] = KEY_FORM.exec(privateKey) ?? []
  const key = fromHexOr(`0x${digits ?? ''}`)
  if (digits === undefined || key === undefined)
    throw new CodedError('CONFIG_INVALID', 'expected SIGNER_PRIVATE_KEY as 32 bytes of hex, got another form')
  return {
    keyId: KEY_ID,
    generateAuthority: () => refuse('PHASE_FORBIDS', 'a signer without a key', 'one that was given its key'),
    openAuthority: () => ({ key, imported: false }),
  }
}

function documentOf(text: string | undefined): Pick<SignerSurroundings, 'document'> {
  if (text === undefined) return {}
  const document = decodeBase64(text)
  if (document === undefined)
    throw new CodedError('CONFIG_INVALID', 'expected SIGNER_ATTESTATION_DOC_B64 as base64 with padding')
  return { document: () => document }
}

/** By the same words as over a socket: what they do not allow, the demonstration does not either. */
async function provision(signer: Signer, terms: Start['terms']): Promise<{ readonly address: unknown }> {
  const request = JSON.stringify({ method: 'provision', params: { ...terms, ciphertext_b64: '' } })
  const { message } = decodeMessage(await answerSigner(signer, new TextEncoder().encode(request)))
  const { result, error } = message as { result?: { address: unknown }; error?: { code: ErrorCode; message: string } }
  if (result !== undefined) return result
  throw new CodedError(error?.code ?? 'INTERNAL', error?.message ?? 'expected a result or an error')
}

async function firstLine(): Promise<Uint8Array> {
  const lines = createInterface({ input: process.stdin })
  const [text] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string | undefined]
  lines.close()
  return new TextEncoder().encode(text ?? '')
}

function readStart(line: Uint8Array): Start {
  const read = parseStrictJson(line, { bytesMax: SIGNER_REQUEST_BYTES_MAX })
  const { privateKey, terms, document } = read.kind === 'object' ? read.value : {}
  if (typeof privateKey !== 'string' || typeof terms !== 'object' || terms === null || Array.isArray(terms))
    throw new CodedError('CONFIG_INVALID', 'expected {"privateKey", "terms", "document"?} as one line of input')
  return { privateKey, terms, document: typeof document === 'string' ? document : undefined }
}

function readOptions(): { readonly endpoint: string; readonly expose: boolean } {
  try {
    const options = { listen: { type: 'string' }, expose: { type: 'boolean', default: false } } as const
    const { listen: endpoint, expose } = parseArgs({ options }).values
    if (endpoint !== undefined) return { endpoint, expose }
  } catch {
    // An unknown option gets the same line.
  }
  warn(USAGE)
  process.exit(EXIT_USAGE)
}

function report(error: unknown): void {
  warn(error instanceof Error ? (error.stack ?? error.message) : String(error))
}

function warn(line: string): void {
  process.stderr.write(`${line}\n`)
}

main().catch((error: unknown) => {
  warn(error instanceof CodedError ? `${error.code}: ${error.message}. ${error.action}` : String(error))
  process.exit(EXIT_FAILED)
})
