/** The fields of an attestation document, each within its bounds. Nothing here is believed yet [N7, N8, N13, N19]. */
import { CodedError, quote } from '../errors.ts'
import { type ForeignKey, type ForeignValue, readForeign } from './foreign-cbor.ts'
import { SHA384_BYTES } from './p384.ts'

export const PCR_INDEX_MAX = 31
export const CERTIFICATE_BYTES_MAX = 1_024
export const CABUNDLE_CERTIFICATES_MAX = 8
/** AWS's text says 512 for user_data and nonce, its own CDDL 1024, and a genuine document carries 746. */
export const OPTIONAL_BYTES_MAX = 1_024

export type Document = {
  readonly moduleId: string
  /** Milliseconds since 1970, by the NSM. */
  readonly timestampMs: number
  /** By index; 48 bytes each. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>
  /** DER of the leaf. */
  readonly certificate: Uint8Array
  /** DER, from the root to the issuer of the leaf. */
  readonly cabundle: readonly Uint8Array[]
  readonly publicKey: Uint8Array | null
  readonly userData: Uint8Array | null
  readonly nonce: Uint8Array | null
  /** Keys that no known hypervisor writes: passed over, and reported. */
  readonly unknownKeys: readonly string[]
}

type Fields = ReadonlyMap<ForeignKey, ForeignValue>

const KNOWN_KEYS: ReadonlySet<ForeignKey> = new Set([
  'module_id',
  'digest',
  'timestamp',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
])

/** Refuses ATTESTATION_PAYLOAD. */
export function readPayload(payload: Uint8Array): Document {
  const fields = readForeign(payload, 'ATTESTATION_PAYLOAD')
  if (!isMap(fields)) return misfit('payload', 'a map', fields)
  const digest = fields.get('digest')
  if (digest !== 'SHA384') return misfit('digest', 'SHA384', digest)
  return {
    moduleId: moduleIdOf(fields.get('module_id')),
    timestampMs: timestampOf(fields.get('timestamp')),
    pcrs: pcrsOf(fields.get('pcrs')),
    certificate: bytesWithin('certificate', fields.get('certificate'), 1, CERTIFICATE_BYTES_MAX),
    cabundle: cabundleOf(fields.get('cabundle')),
    publicKey: optional('public_key', fields, 1),
    userData: optional('user_data', fields, 0),
    nonce: optional('nonce', fields, 0),
    unknownKeys: [...fields.keys()].filter((key) => !KNOWN_KEYS.has(key)).map((key) => key.toString()),
  }
}

function misfit(field: string, expected: string, got: ForeignValue | undefined): never {
  const text = got === undefined ? 'nothing' : isMap(got) ? 'a map' : quote(got).slice(0, 80)
  throw new CodedError('ATTESTATION_PAYLOAD', `${field}: expected ${expected}, got ${text}`)
}

function isMap(value: ForeignValue | undefined): value is Fields {
  return value instanceof Map
}

function moduleIdOf(value: ForeignValue | undefined): string {
  return typeof value === 'string' && value.length > 0 ? value : misfit('module_id', 'text that is not empty', value)
}

function timestampOf(value: ForeignValue | undefined): number {
  return typeof value === 'number' && value > 0 ? value : misfit('timestamp', 'milliseconds since 1970', value)
}

function pcrsOf(value: ForeignValue | undefined): ReadonlyMap<number, Uint8Array> {
  // Keys are unique and bounded, so there are at most 32.
  if (!isMap(value) || value.size === 0) return misfit('pcrs', 'a map that is not empty', value)
  const pcrs = new Map<number, Uint8Array>()
  for (const [index, pcr] of value) {
    if (typeof index !== 'number' || index < 0 || index > PCR_INDEX_MAX)
      return misfit('pcrs', `indexes from 0 to ${PCR_INDEX_MAX}`, index)
    pcrs.set(index, bytesWithin(`pcrs[${index}]`, pcr, SHA384_BYTES, SHA384_BYTES))
  }
  return pcrs
}

function cabundleOf(value: ForeignValue | undefined): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > CABUNDLE_CERTIFICATES_MAX)
    return misfit('cabundle', `1 to ${CABUNDLE_CERTIFICATES_MAX} certificates`, value)
  return value.map((der: ForeignValue, at) => bytesWithin(`cabundle[${at}]`, der, 1, CERTIFICATE_BYTES_MAX))
}

/** AWS calls these three optional: an absent one counts as null. */
function optional(name: string, fields: Fields, bytesMin: number): Uint8Array | null {
  const value = fields.get(name) ?? null
  return value === null ? null : bytesWithin(name, value, bytesMin, OPTIONAL_BYTES_MAX)
}

function bytesWithin(field: string, value: ForeignValue | undefined, bytesMin: number, bytesMax: number): Uint8Array {
  if (value instanceof Uint8Array && value.length >= bytesMin && value.length <= bytesMax) return value
  return misfit(field, `${bytesMin} to ${bytesMax} bytes`, value)
}
