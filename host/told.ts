/** What an endpoint says, as the types that we work with: it may say anything, and what is none is refused here. */
import { CodedError } from '../enclave/protocol/errors.ts'
import { type Hash, isHash } from '../enclave/protocol/ids.ts'
import { type Wei, wei } from '../enclave/protocol/money.ts'

const U128_LIMIT = 2n ** 128n

/** No balance of ether comes near 2^128. Refuses RPC_FAILED. */
export function toldWei(value: bigint): Wei {
  if (value >= 0n && value < U128_LIMIT) return wei(value)
  throw lie('an amount below 2^128 wei', value)
}

/** A height, nonce, sequence or amount of gas. Refuses RPC_FAILED: beyond 2^53 it could not even be written down. */
export function toldCount(value: unknown): number {
  const count = typeof value === 'bigint' ? Number(value) : value
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count
  throw lie('a whole number below 2^53', value)
}

/** 32 bytes in lower case. Refuses RPC_FAILED. */
export function toldHash(value: unknown): Hash {
  const text = typeof value === 'string' ? value.toLowerCase() : ''
  if (isHash(text)) return text
  throw lie('32 bytes of hex', value)
}

const SHOWN_CHARACTERS_MAX = 80

function lie(expected: string, got: unknown): CodedError {
  return new CodedError('RPC_FAILED', `expected ${expected}, got ${String(got).slice(0, SHOWN_CHARACTERS_MAX)}`)
}
