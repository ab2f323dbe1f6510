/** Branded strings for the identifiers that cross every boundary. All are lower-case hex with a 0x prefix. */

declare const brand: unique symbol
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

export type Hex = `0x${string}`
/** 20 bytes, lower case: comparisons are plain string comparisons. */
export type Address = Branded<Hex, 'Address'>
/** 32 bytes, lower case. */
export type Hash = Branded<Hex, 'Hash'>

export const ADDRESS_BYTES = 20
export const HASH_BYTES = 32
/** An orchestratorId is 1..128 bytes of UTF-8 (protocol section 3). */
export const ORCHESTRATOR_ID_BYTES_MAX = 128

export const ZERO_ADDRESS = `0x${'00'.repeat(ADDRESS_BYTES)}` as Address
export const ZERO_HASH = `0x${'00'.repeat(HASH_BYTES)}` as Hash

const ADDRESS_FORM = /^0x[0-9a-fA-F]{40}$/
const HASH_FORM = /^0x[0-9a-f]{64}$/

/** The address in lower case, or undefined when `text` is not 20 bytes of hex. Checksums are the caller's concern. */
export function toAddress(text: string): Address | undefined {
  return ADDRESS_FORM.test(text) ? (text.toLowerCase() as Address) : undefined
}

export function isAddress(text: string): text is Address {
  return ADDRESS_FORM.test(text) && text === text.toLowerCase()
}

export function isHash(text: string): text is Hash {
  return HASH_FORM.test(text)
}

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function toHex(bytes: Uint8Array): Hex {
  let text = '0x'
  for (let at = 0; at < bytes.length; at++) text += HEX_OF_BYTE[bytes[at] as number]
  return text as Hex
}

/** 32 bytes to a Hash. The length is the caller's promise. */
export function toHash(bytes: Uint8Array): Hash {
  return toHex(bytes) as Hash
}

function nibble(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  if (code >= 97 && code <= 102) return code - 87
  if (code >= 65 && code <= 70) return code - 55
  return -1
}

/** The bytes of a 0x-prefixed hex text, or undefined when it is not one (odd length, other characters, no prefix). */
export function fromHexOr(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || text.charCodeAt(0) !== 48 || text.charCodeAt(1) !== 120) return undefined
  const bytes = new Uint8Array(text.length / 2 - 1)
  for (let at = 0; at < bytes.length; at++) {
    const high = nibble(text.charCodeAt(2 + at * 2))
    const low = nibble(text.charCodeAt(3 + at * 2))
    if (high < 0 || low < 0) return undefined
    bytes[at] = high * 16 + low
  }
  return bytes
}

/** The bytes of a value that is known to be hex: a Hash, an Address, a checked Hex. */
export function fromHex(text: Hex): Uint8Array {
  const bytes = fromHexOr(text)
  if (bytes === undefined) throw new TypeError(`expected hex, got ${text.slice(0, 12)}`)
  return bytes
}
