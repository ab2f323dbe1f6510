/** 32-byte ABI words, as Solidity's abi.encode lays out value types. */
import type { Address, Hash } from './ids.ts'
import { fromHex } from './ids.ts'

export const WORD_BYTES = 32

const scratch = new Uint8Array(WORD_BYTES)
const scratchView = new DataView(scratch.buffer)
const LIMB_BYTES = 8
const LIMB_BITS = 64n

/** An unsigned integer below 2^256, right-aligned. */
export function uintWord(value: bigint | number): Uint8Array {
  putUintWord(scratchView, 0, BigInt(value))
  return scratch.slice()
}

/** The same word, written at `at` of bytes that are kept. */
export function putUintWord(view: DataView, at: number, value: bigint): void {
  let rest = value
  for (let limbAt = at + WORD_BYTES - LIMB_BYTES; limbAt >= at; limbAt -= LIMB_BYTES) {
    // Takes the lowest 64 bits.
    view.setBigUint64(limbAt, rest)
    rest >>= LIMB_BITS
  }
}

/** A signed integer in two's complement. */
export function intWord(value: bigint): Uint8Array {
  return uintWord(BigInt.asUintN(256, value))
}

export function addressWord(address: Address): Uint8Array {
  const word = new Uint8Array(WORD_BYTES)
  word.set(fromHex(address), 12)
  return word
}

export function hashWord(hash: Hash): Uint8Array {
  return fromHex(hash)
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function bytesEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at])
}

const encoder = new TextEncoder()

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}
