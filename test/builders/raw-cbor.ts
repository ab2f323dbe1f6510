/** CBOR written piece by piece, in every form that a hostile signer could choose: also those that no encoder writes. */
import { concatBytes } from '../../enclave/protocol/words.ts'

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6 } as const
export type Major = keyof typeof MAJOR

export const NULL = Uint8Array.of(0xf6)
export const TRUE = Uint8Array.of(0xf5)
export const BREAK = Uint8Array.of(0xff)
/** The float 1.0 in two bytes. */
export const HALF_FLOAT = Uint8Array.of(0xf9, 0x3c, 0x00)

/** Bytes that a head can give its number: 0 puts it into the first byte. Undefined takes the shortest. */
export type Width = 0 | 1 | 2 | 4 | 8

export function head(major: Major, argument: number | bigint, width: Width = shortest(BigInt(argument))): Uint8Array {
  const initial = MAJOR[major] << 5
  if (width === 0) return Uint8Array.of(initial | Number(argument))
  const bytes = new Uint8Array(1 + width)
  bytes[0] = initial | (24 + Math.log2(width))
  for (let at = width, rest = BigInt(argument); at > 0; at--, rest >>= 8n) bytes[at] = Number(rest & 0xffn)
  return bytes
}

/** The head of an array, map or string whose length nobody says. */
export function openHead(major: Major): Uint8Array {
  return Uint8Array.of((MAJOR[major] << 5) | 31)
}

export function rawUint(value: number | bigint, width?: Width): Uint8Array {
  return head('unsigned', value, width)
}

export function rawBytes(bytes: Uint8Array, width?: Width): Uint8Array {
  return concatBytes(head('bytes', bytes.length, width), bytes)
}

export function rawText(text: string, width?: Width): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  return concatBytes(head('text', bytes.length, width), bytes)
}

/** A string in two definite chunks between an open head and a break. */
export function openString(major: 'bytes' | 'text', bytes: Uint8Array): Uint8Array {
  const middle = bytes.length >> 1
  const chunks = [bytes.subarray(0, middle), bytes.subarray(middle)]
  const written = chunks.flatMap((chunk) => [head(major, chunk.length), chunk])
  return concatBytes(openHead(major), ...written, BREAK)
}

export function rawArray(items: readonly Uint8Array[]): Uint8Array {
  return concatBytes(head('array', items.length), ...items)
}

export function openArray(items: readonly Uint8Array[]): Uint8Array {
  return concatBytes(openHead('array'), ...items, BREAK)
}

/** Key and value, both as encoded items. */
export type Pair = readonly [key: Uint8Array, value: Uint8Array]

export function rawMap(pairs: readonly Pair[]): Uint8Array {
  return concatBytes(head('map', pairs.length), ...pairs.flat())
}

export function openMap(pairs: readonly Pair[]): Uint8Array {
  return concatBytes(openHead('map'), ...pairs.flat(), BREAK)
}

function shortest(argument: bigint): Width {
  if (argument < 24n) return 0
  if (argument < 0x100n) return 1
  if (argument < 0x1_0000n) return 2
  return argument < 0x1_0000_0000n ? 4 : 8
}
