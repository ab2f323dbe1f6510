/**
 * JSON read strictly from bytes. JSON.parse alone keeps the last of two equal keys and guesses at broken UTF-8, so that
 * two readers of one journal line could disagree about what it says.
 */

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }

export type StrictJson =
  /** wellFormed is false when an escape spells a lone surrogate somewhere: such text has no UTF-8 form. */
  | { readonly kind: 'object'; readonly value: { [key: string]: JsonValue }; readonly wellFormed: boolean }
  | { readonly kind: 'not-utf8' }
  | { readonly kind: 'not-json'; readonly reason: string }
  | { readonly kind: 'key-doubled' }

export type StrictJsonOptions = { readonly bytesMax?: number; readonly depthMax?: number }

export const JSON_DEPTH_MAX = 32
export const JSON_BYTES_MAX = 8_388_608
/** Containers and what stands in them, in all. Three bytes of text make an object of fifty: bytes alone do not bound memory. */
export const JSON_ITEMS_MAX = 1_048_576

const QUOTE = 0x22
const COLON = 0x3a
const COMMA = 0x2c
const BACKSLASH = 0x5c
const LETTER_U = 0x75

/** A byte order mark is kept, and refused as not JSON: with it two different lines would read as one. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * One JSON object, every key once at every level, at most `depthMax` levels and `bytesMax` bytes. A `__proto__` key, any
 * other top level and passed limits are `not-json`. Numbers beyond 2^53 lose digits, as in any JavaScript: amounts are text.
 */
export function parseStrictJson(bytes: Uint8Array, options?: StrictJsonOptions): StrictJson {
  if (bytes.length > (options?.bytesMax ?? JSON_BYTES_MAX)) return notJson('more bytes than the limit')
  const scan = scanStructure(bytes)
  if (scan.depth > (options?.depthMax ?? JSON_DEPTH_MAX)) return notJson('more levels than the limit')
  if (scan.values > JSON_ITEMS_MAX) return notJson('more values than the limit')
  const text = decode(bytes)
  if (text === undefined) return { kind: 'not-utf8' }
  const value = parse(text)
  if (value === undefined) return notJson('not a JSON object')
  const census: Census = { keys: 0, proto: false, wellFormed: true, checkText: scan.escapes }
  countKeys(value, census)
  // Each colon outside a string follows one key of the text; a doubled key leaves fewer keys than colons.
  if (census.keys !== scan.colons) return { kind: 'key-doubled' }
  if (census.proto) return notJson('a __proto__ key')
  return { kind: 'object', value, wellFormed: census.wellFormed }
}

function notJson(reason: string): StrictJson {
  return { kind: 'not-json', reason }
}

type Scan = { colons: number; values: number; depth: number; escapes: boolean }

/** Counts what lies outside strings. Text that is not JSON may be miscounted: JSON.parse refuses it afterwards. */
function scanStructure(bytes: Uint8Array): Scan {
  const scan = { colons: 0, values: 1, depth: 0, escapes: false }
  let level = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) at = endOfString(bytes, at + 1, scan)
    else if (byte === COLON) scan.colons++
    else if (byte === COMMA) scan.values++
    else if ((byte | 0x20) === 0x7b) {
      // [ and { differ in one bit, as do ] and }.
      level++
      scan.values++
      if (level > scan.depth) scan.depth = level
    } else if ((byte | 0x20) === 0x7d) level--
  }
  return scan
}

/** Where the quote stands that ends the string whose first byte is at `start`. Most bytes are passed here. */
function endOfString(bytes: Uint8Array, start: number, scan: Scan): number {
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) return at
    if (byte !== BACKSLASH) continue
    at++
    if (bytes[at] === LETTER_U) scan.escapes = true
  }
  return bytes.length
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

function parse(text: string): { [key: string]: JsonValue } | undefined {
  try {
    const value: JsonValue = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

type Census = { keys: number; proto: boolean; wellFormed: boolean; readonly checkText: boolean }

/** Recursion is bounded by the depth that the scan has found. */
function countKeys(value: JsonValue, census: Census): void {
  if (typeof value === 'string') {
    if (census.checkText && !value.isWellFormed()) census.wellFormed = false
  } else if (Array.isArray(value)) {
    for (const item of value) countKeys(item, census)
  } else if (typeof value === 'object' && value !== null) {
    countMembers(value, census)
  }
}

function countMembers(value: { [key: string]: JsonValue }, census: Census): void {
  // What JSON.parse makes inherits nothing that is enumerable: these are the object's own keys, without a list of them.
  for (const key in value) {
    census.keys++
    if (key === '__proto__') census.proto = true
    if (census.checkText && !key.isWellFormed()) census.wellFormed = false
    countKeys(value[key] as JsonValue, census)
  }
}
