/** The sealed state of the replaced core: base64(nonce ‖ AES-256-GCM), under a key made from its Ethereum key. */
import { createDecipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { keccak256 } from 'viem'
import { z } from 'zod'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { type Address, fromHexOr, toAddress } from '../../enclave/protocol/ids.ts'
import { parseStrictJson } from '../../enclave/protocol/strict-json.ts'

/** What counts of it. `seen` holds the ids of every event that the balances contain. */
export type OldState = {
  readonly balances: ReadonlyMap<string, { readonly wei: bigint; readonly recipient: Address | null }>
  readonly pending: readonly string[]
  readonly seen: ReadonlySet<string>
}

export const BLOB_BYTES_MAX = 512 * 1_048_576
/** Of the environment, for a key that is in no file. */
export const KEY_VARIABLE = 'ANCHORHOLD_IMPORT_KEY'

const AAD = 'payments-tee-core:v1'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const BASE64_FORM = /^[A-Za-z0-9+/]+={0,2}$/

const recipient = z.string().transform((text, context): Address => {
  const known = toAddress(text)
  if (known !== undefined) return known
  context.addIssue('expected an address')
  return z.NEVER
})
const Plain = z.object({
  balances: z.record(z.string(), z.object({ balance_wei: z.bigint().nonnegative(), recipient: recipient.nullish() })),
  pending: z.record(z.string(), z.unknown()),
  seen_event_ids: z.array(z.string()),
})

/** Reads and opens a blob. `key` is the core's private key, 32 bytes of hex. Refuses CONFIG_INVALID. */
export function readOldState(path: string, key: string): OldState {
  const text = readText(path).trim()
  if (text.length > BLOB_BYTES_MAX) invalid(`expected at most ${BLOB_BYTES_MAX} bytes in ${path}, got ${text.length}`)
  if (!BASE64_FORM.test(text)) invalid(`expected base64 of a sealed state in ${path}`)
  return parseOldState(decrypt(Buffer.from(text, 'base64'), stateKey(key)))
}

/** The key of `--key-file`, or of the environment. Refuses CONFIG_INVALID when neither is there. */
export function readKey(
  path: string | undefined,
  environment: { readonly [name: string]: string | undefined },
): string {
  const text = path === undefined ? environment[KEY_VARIABLE] : readText(path)
  if (text === undefined || text === '')
    invalid(`expected the old core's private key: --key-file FILE, or ${KEY_VARIABLE}`)
  return text.trim()
}

/** The plaintext, parsed with every digit of its numbers. Refuses CONFIG_INVALID. */
export function parseOldState(plaintext: Uint8Array): OldState {
  const checked = parseStrictJson(plaintext, { bytesMax: BLOB_BYTES_MAX })
  if (checked.kind !== 'object') invalid(`expected a sealed state of the replaced core, got ${checked.kind}`)
  const parsed = Plain.safeParse(parseWithDigits(Buffer.from(plaintext).toString('utf8')))
  if (!parsed.success) invalid(`sealed state: ${z.prettifyError(parsed.error)}`)
  const { balances, pending, seen_event_ids: seen } = parsed.data
  const pairs = Object.entries(balances).map(
    ([id, item]) => [id, { wei: item.balance_wei, recipient: item.recipient ?? null }] as const,
  )
  return { balances: new Map(pairs), pending: Object.keys(pending), seen: new Set(seen) }
}

/** JSON whose whole numbers are bigint: a balance of one ether has digits that a double has not. */
function parseWithDigits(text: string): unknown {
  const exact = (_: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && /^-?\d+$/.test(context?.source ?? '') ? BigInt(context?.source ?? '') : value
  return JSON.parse(text, exact)
}

function stateKey(key: string): Buffer {
  const bytes = fromHexOr((key.startsWith('0x') ? key : `0x${key}`).toLowerCase())
  // The text itself stays out of the message: it is a key.
  if (bytes?.length !== KEY_BYTES) invalid('expected a private key of 32 bytes in hex, got something else')
  return Buffer.from(keccak256(bytes, 'bytes'))
}

function decrypt(blob: Buffer, key: Buffer): Buffer {
  if (blob.length < NONCE_BYTES + TAG_BYTES) invalid(`expected a sealed state, got ${blob.length} bytes`)
  const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(0, NONCE_BYTES))
  decipher.setAAD(Buffer.from(AAD, 'ascii'))
  decipher.setAuthTag(blob.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(blob.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', 'expected a sealed state that this key opens, got another one', { cause })
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected a file that can be read: ${path}`, { cause })
  }
}

function invalid(message: string): never {
  throw new CodedError('CONFIG_INVALID', message)
}
