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

const ZERO = 48
const LETTER_X = 120
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

const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
const PREFIX_CHARACTERS = 2
/** Hashes, addresses and signatures are laid out here; only longer bytes need room of their own. */
const shortText = new Uint8Array(PREFIX_CHARACTERS + 2 * 65)
const decoder = new TextDecoder()

/** Text out of one decoder is flat: pieces joined one by one would be read again at every use. */
export function toHex(bytes: Uint8Array): Hex {
  const size = PREFIX_CHARACTERS + 2 * bytes.length
  const text = size <= shortText.length ? shortText.subarray(0, size) : new Uint8Array(size)
  text[0] = ZERO
  text[1] = LETTER_X
  for (let at = 0, to = PREFIX_CHARACTERS; at < bytes.length; at++) {
    const byte = bytes[at] as number
    text[to++] = DIGITS[byte >> 4] as number
    text[to++] = DIGITS[byte & 15] as number
  }
  return decoder.decode(text) as Hex
}

/** 32 bytes to a Hash. The length is the caller's promise. */
export function toHash(bytes: Uint8Array): Hash {
  return toHex(bytes) as Hash
}

/** The value of a hex digit by its character code, and −1 for every other character. */
const NIBBLES = new Int8Array(128).fill(-1)
for (let value = 0; value < 16; value++) {
  NIBBLES[value.toString(16).charCodeAt(0)] = value
  NIBBLES[value.toString(16).toUpperCase().charCodeAt(0)] = value
}

/** The bytes of a 0x-prefixed hex text, or undefined when it is not one (odd length, other characters, no prefix). */
export function fromHexOr(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || text.charCodeAt(0) !== ZERO || text.charCodeAt(1) !== LETTER_X) return undefined
  const bytes = new Uint8Array(text.length / 2 - 1)
  for (let at = 0, digit = 2; at < bytes.length; at++, digit += 2) {
    const high = NIBBLES[text.charCodeAt(digit)] ?? -1
    const low = NIBBLES[text.charCodeAt(digit + 1)] ?? -1
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
