/** The pieces of a signer's parameters, in the forms in which clients of the replaced signer send them. */
import { z } from 'zod'

const DECIMAL = /^(0|[1-9][0-9]{0,77})$/
const HEX = /^0x[0-9a-fA-F]{1,64}$/
const UINT256_LIMIT = 2n ** 256n
const U128_LIMIT = 2n ** 128n

/** A whole number from JSON (of any size), decimal text or 0x hex; undefined for every other value, below 2^256. */
export function readQuantity(value: unknown): bigint | undefined {
  const known = wholeOf(value)
  return known !== undefined && known >= 0n && known < UINT256_LIMIT ? known : undefined
}

function wholeOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  // Above 2^53 the digits are lost already: the reader of requests gives those as bigint.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && (DECIMAL.test(value) || HEX.test(value)) ? BigInt(value) : undefined
}

/** A whole number below `limit`. */
export function quantity(limit: bigint = UINT256_LIMIT) {
  return z.unknown().transform((value, context): bigint => {
    const known = readQuantity(value)
    if (known !== undefined && known < limit) return known
    context.addIssue(`expected a whole number below ${limit}, as a JSON integer, decimal text or 0x hex`)
    return z.NEVER
  })
}

/** A whole number that a JavaScript number holds exactly. */
export const safeQuantity = quantity(2n ** 53n).transform((value) => Number(value))

/** Wei as policies hold them: decimal text below 2^128. */
export const weiText = quantity(U128_LIMIT).transform((value) => value.toString())
