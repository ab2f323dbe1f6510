/**
 * RLP, in which Ethereum writes a transaction (yellow paper, appendix B): byte strings, and lists of what is already
 * encoded. Written only: nothing here reads RLP.
 */
import { assert } from './errors.ts'
import { concatBytes, uintWord } from './words.ts'

const STRING = 0x80
const LIST = 0xc0
/** Up to so many bytes the length is part of the first byte; above, the first byte counts the bytes of the length. */
const SHORT_BYTES_MAX = 55

export function rlpBytes(bytes: Uint8Array): Uint8Array {
  // A small byte stands for itself.
  if (bytes.length === 1 && (bytes[0] as number) < STRING) return bytes
  return concatBytes(lengthOf(STRING, bytes.length), bytes)
}

/** An unsigned integer below 2^256 without leading zeros: zero is the empty string. */
export function rlpUint(value: bigint | number): Uint8Array {
  assert(value >= 0, 'an unsigned integer is not negative')
  return rlpWord(uintWord(value))
}

/** A big-endian integer, written as rlpUint writes it: a leading zero would make another transaction of it. */
export function rlpWord(word: Uint8Array): Uint8Array {
  const start = word.findIndex((byte) => byte !== 0)
  return rlpBytes(start < 0 ? new Uint8Array(0) : word.subarray(start))
}

/** The list of these encoded items. */
export function rlpList(items: readonly Uint8Array[]): Uint8Array {
  const size = items.reduce((sum, item) => sum + item.length, 0)
  return concatBytes(lengthOf(LIST, size), ...items)
}

function lengthOf(kind: number, size: number): Uint8Array {
  if (size <= SHORT_BYTES_MAX) return Uint8Array.of(kind + size)
  const word = uintWord(size)
  const digits = word.subarray(word.findIndex((byte) => byte !== 0))
  return concatBytes(Uint8Array.of(kind + SHORT_BYTES_MAX + digits.length), digits)
}
