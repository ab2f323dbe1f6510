/** Answers of the NSM, read field by field: one form each, anything else is NSM_FAILED. */
import { type CborValue, decodeCbor } from '../protocol/cbor.ts'
import { CodedError, quote } from '../protocol/errors.ts'

export type NsmDescription = {
  readonly version: string
  readonly moduleId: string
  readonly pcrsMax: number
  readonly lockedPcrs: readonly number[]
}

/** A locked register keeps its 48 bytes for the life of the enclave. */
export type PcrState = { readonly locked: boolean; readonly value: Uint8Array }

type Fields = { readonly [key: string]: CborValue }

const PCR_BYTES = 48
const PCRS_MAX = 32
const DIGEST = 'SHA384'
/** A generator that gives less than a whole part is a generator to distrust. */
const RANDOM_BYTES_MIN = 1
const RANDOM_BYTES_MAX = 256
const DOCUMENT_BYTES_MIN = 1
const MODULE_ID_CHARACTERS_MAX = 128
const VERSION_MAX = 0xffff
/** The deepest answer: {"DescribeNSM": {"locked_pcrs": [...]}}, 32 registers in it. */
const RESPONSE_LIMITS = { canonical: false, depthMax: 3, itemsMax: 64 } as const

export function readRandom(response: Uint8Array): Uint8Array {
  const { random } = fieldsOf('GetRandom', response, ['random'])
  return bytesOf('random', random, RANDOM_BYTES_MIN, RANDOM_BYTES_MAX)
}

export function readDocument(response: Uint8Array): Uint8Array {
  const { document } = fieldsOf('Attestation', response, ['document'])
  return bytesOf('document', document, DOCUMENT_BYTES_MIN, response.length)
}

export function readPcr(response: Uint8Array): PcrState {
  const { lock, data } = fieldsOf('DescribePCR', response, ['lock', 'data'])
  if (typeof lock !== 'boolean') throw failed('lock as true or false', lock)
  return { locked: lock, value: bytesOf('data', data, PCR_BYTES, PCR_BYTES) }
}

export function readExtended(response: Uint8Array): Uint8Array {
  const { data } = fieldsOf('ExtendPCR', response, ['data'])
  return bytesOf('data', data, PCR_BYTES, PCR_BYTES)
}

export function readLocked(response: Uint8Array): void {
  const value = contentOf(response)
  if (value !== 'LockPCR') throw failedOr('LockPCR', value)
}

export function readDescription(response: Uint8Array): NsmDescription {
  const fields = fieldsOf('DescribeNSM', response, [
    'version_major',
    'version_minor',
    'version_patch',
    'module_id',
    'max_pcrs',
    'locked_pcrs',
    'digest',
  ])
  const { module_id: moduleId, digest, locked_pcrs: locked } = fields
  if (typeof moduleId !== 'string' || moduleId === '' || moduleId.length > MODULE_ID_CHARACTERS_MAX)
    throw failed('module_id as a short text', moduleId)
  if (digest !== DIGEST) throw failed(`digest ${DIGEST}`, digest)
  if (!Array.isArray(locked)) throw failed('locked_pcrs as a list', locked)
  const pcrsMax = countOf('max_pcrs', fields['max_pcrs'], PCRS_MAX)
  return {
    version: ['version_major', 'version_minor', 'version_patch']
      .map((key) => countOf(key, fields[key], VERSION_MAX))
      .join('.'),
    moduleId,
    pcrsMax,
    lockedPcrs: locked.map((index) => countOf('locked_pcrs', index, pcrsMax - 1)),
  }
}

/** {name: {...}} with just these keys. */
function fieldsOf(name: string, response: Uint8Array, keys: readonly string[]): Fields {
  const value = contentOf(response)
  const fields = isFields(value) ? value[name] : undefined
  if (!isFields(value) || Object.keys(value).length !== 1 || !isFields(fields)) throw failedOr(name, value)
  const got = Object.keys(fields)
  if (got.length !== keys.length || !keys.every((key) => Object.hasOwn(fields, key)))
    throw failed(`${name} with ${keys.join(', ')}`, fields)
  return fields
}

function contentOf(response: Uint8Array): CborValue {
  try {
    return decodeCbor(response, RESPONSE_LIMITS)
  } catch (cause) {
    throw new CodedError('NSM_FAILED', `expected CBOR of the NSM, got ${response.length} other bytes`, { cause })
  }
}

function isFields(value: CborValue | undefined): value is { [key: string]: CborValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function bytesOf(key: string, value: CborValue | undefined, bytesMin: number, bytesMax: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < bytesMin || value.length > bytesMax)
    throw failed(`${key} of ${bytesMin} to ${bytesMax} bytes`, value)
  return value
}

function countOf(key: string, value: CborValue | undefined, max: number): number {
  if (typeof value !== 'number' || value < 0 || value > max) throw failed(`${key} of 0 to ${max}`, value)
  return value
}

/** The module's own error, where it gave one. */
function failedOr(name: string, value: CborValue): CodedError {
  const error = isFields(value) ? value['Error'] : undefined
  if (typeof error === 'string') return new CodedError('NSM_FAILED', `expected ${name} of the NSM, got ${error}`)
  return failed(name, value)
}

function failed(expected: string, got: CborValue | undefined): CodedError {
  return new CodedError('NSM_FAILED', `expected ${expected} of the NSM, got ${quote(got)}`)
}
