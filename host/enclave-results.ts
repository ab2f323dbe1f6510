/**
 * Answers of the enclave as the types of methods.ts: in CBOR bytes are byte strings and amounts decimal text; here hashes
 * and addresses become hex text and amounts Wei, by the name of their field, once.
 */
import { CodedError } from '../enclave/protocol/errors.ts'
import { fromHexOr, toHex } from '../enclave/protocol/ids.ts'
import type { MethodResults } from '../enclave/protocol/method-results.ts'
import type { MethodName } from '../enclave/protocol/methods.ts'
import { parseWei } from '../enclave/protocol/money.ts'

const WEI_FIELD = /(Wei|_wei)$/
/** Fields that stay bytes. */
const BYTES_FIELDS: ReadonlySet<string> = new Set([
  'sealed',
  'entries',
  'call',
  'rawTransaction',
  'chunk',
  'signature',
  'proof',
  'attestation',
])
const DEPTH_MAX = 8

/** Refuses ENCLAVE_ANSWER when the answer is no map, WEI_SYNTAX when an amount is none. */
export function parseResult<M extends MethodName>(method: M, answer: unknown): MethodResults[M] {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer) || answer instanceof Uint8Array) {
    throw new CodedError('ENCLAVE_ANSWER', `expected a map in answer to ${method}, got ${typeof answer}`)
  }
  return typed('', answer, 0) as MethodResults[M]
}

function typed(field: string, value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX)
    throw new CodedError('ENCLAVE_ANSWER', `expected an answer of depth ${DEPTH_MAX}, got a deeper one`)
  if (value instanceof Uint8Array) return BYTES_FIELDS.has(field) ? value : toHex(value)
  if (Array.isArray(value)) return value.map((item) => typed(field, item, depth + 1))
  if (typeof value === 'object' && value !== null) return typedMap(value, depth)
  if (typeof value !== 'string') return value
  if (WEI_FIELD.test(field)) return parseWei(value)
  return BYTES_FIELDS.has(field) ? (fromHexOr(value) ?? value) : value
}

function typedMap(value: object, depth: number): unknown {
  const pairs = Object.entries(value).map(([name, inner]) => [name, typed(name, inner, depth + 1)] as const)
  return Object.fromEntries(pairs)
}
