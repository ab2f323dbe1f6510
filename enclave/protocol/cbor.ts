/**
 * CBOR of the accepted subset: integers of 64 bits, text, bytes, booleans, null, arrays, and maps with text keys.
 * Encoding is deterministic (RFC 8949 section 4.2.1), because these bytes are hashed and signed; reading is strict,
 * because the bytes come from the host. Why there is no package below it: docs/adr/0006-own-cbor.md.
 */
import {
  ARRAY,
  BYTES,
  copyOf,
  finish,
  MAP,
  NEGATIVE,
  newSink,
  type Sink,
  TAG,
  TEXT,
  UNSIGNED,
  writeBigint,
  writeByte,
  writeBytes,
  writeHead,
  writeNumber,
  writeText,
} from './cbor-sink.ts'
import { assert, CodedError } from './errors.ts'

export type CborValue =
  | number
  | bigint
  | string
  | Uint8Array
  | boolean
  | null
  | CborValue[]
  | { [key: string]: CborValue }

/** What may be encoded: as CborValue, and read-only shapes too. */
export type CborInput =
  | number
  | bigint
  | string
  | Uint8Array
  | boolean
  | null
  | readonly CborInput[]
  | { readonly [key: string]: CborInput }

export type CborOptions = {
  /** True refuses every encoding but the deterministic one. */
  readonly canonical: boolean
  readonly depthMax?: number
  /** Values in all, keys counted. */
  readonly itemsMax?: number
  /** Integer keys are read as their decimal text (attestation documents number their PCRs); refused otherwise. */
  readonly integerKeys?: boolean
  /** Byte strings share the memory of what is read, which nobody may write to from then on; copies otherwise. */
  readonly shared?: boolean
}

export const CBOR_DEPTH_MAX = 32
export const CBOR_ITEMS_MAX = 1_048_576
const SHORT_TEXT_BYTES_MAX = 48
const UINT32_LIMIT = 2 ** 32

/** Additional information 31: an indefinite length, or with major type 7 the end of one. */
const INDEFINITE = 31
const BREAK = 0xff

/** The byte order mark is a character like any other: without ignoreBOM two texts would read as one. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The deterministic bytes of `value`. Floats, undefined, lone surrogates and integers beyond 64 bits are our bugs.
 * With `bigintAsText` a bigint becomes its decimal text, as messages carry amounts.
 */
export function encodeCbor(value: CborInput, options?: { readonly bigintAsText: boolean }): Uint8Array {
  const sink = newSink(options?.bigintAsText ?? false)
  writeValue(sink, value, 0)
  return finish(sink)
}

function writeValue(sink: Sink, value: CborInput, depth: number): void {
  switch (typeof value) {
    case 'string':
      return writeText(sink, value)
    case 'number':
      return writeNumber(sink, value)
    case 'bigint':
      return writeBigint(sink, value)
    case 'boolean':
      return writeByte(sink, value ? 0xf5 : 0xf4)
    case 'object':
      return writeObject(sink, value, depth + 1)
    default:
      assert(false, `a ${typeof value} has no CBOR form`)
  }
}

function writeObject(
  sink: Sink,
  value: null | Uint8Array | readonly CborInput[] | { readonly [key: string]: CborInput },
  depth: number,
): void {
  if (value === null) return writeByte(sink, 0xf6)
  if (value instanceof Uint8Array) return writeBytes(sink, value)
  assert(depth <= CBOR_DEPTH_MAX, 'a value nests no deeper than CBOR_DEPTH_MAX')
  if (isArray(value)) return writeArray(sink, value, depth)
  writeMap(sink, value, depth)
}

function isArray(value: object): value is readonly CborInput[] {
  return Array.isArray(value)
}

function writeArray(sink: Sink, values: readonly CborInput[], depth: number): void {
  writeHead(sink, ARRAY, values.length)
  for (let at = 0; at < values.length; at++) writeValue(sink, values[at] as CborInput, depth)
}

/**
 * Keys mostly come in order, and are mostly ASCII, where UTF-16 order is the order of the bytes. What is written is
 * compared as bytes all the same, and a map for which that was wrong is written again.
 */
function writeMap(sink: Sink, map: { readonly [key: string]: CborInput }, depth: number): void {
  const keys = Object.keys(map)
  const start = sink.length
  if (!looksSorted(keys)) keys.sort(compareKeys)
  if (writePairs(sink, map, keys, depth)) return
  sink.length = start
  assert(writePairs(sink, map, sortedByBytes(keys), depth), 'sorted keys are in order')
}

function looksSorted(keys: readonly string[]): boolean {
  for (let at = 1; at < keys.length; at++) {
    if (compareKeys(keys[at - 1] as string, keys[at] as string) > 0) return false
  }
  return true
}

function compareKeys(left: string, right: string): number {
  return left.length - right.length || (left < right ? -1 : 1)
}

function writePairs(sink: Sink, map: { readonly [key: string]: CborInput }, keys: string[], depth: number): boolean {
  writeHead(sink, MAP, keys.length)
  let lastStart = 0
  let lastEnd = 0
  for (const key of keys) {
    const start = sink.length
    writeText(sink, key)
    if (lastEnd > 0 && compareRanges(sink.bytes, lastStart, lastEnd, start, sink.length) >= 0) return false
    lastStart = start
    lastEnd = sink.length
    writeValue(sink, map[key] as CborInput, depth)
  }
  return true
}

/** Bytewise by encoded form, which for text puts the shorter key first. */
function sortedByBytes(keys: readonly string[]): string[] {
  const pairs = keys.map((key) => ({ key, bytes: encodeCbor(key) }))
  pairs.sort((a, b) => compareBytes(a.bytes, b.bytes))
  return pairs.map((pair) => pair.key)
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const both = new Uint8Array(left.length + right.length)
  both.set(left)
  both.set(right, left.length)
  return compareRanges(both, 0, left.length, left.length, both.length)
}

/** Compares bytes[a..aEnd) with bytes[b..bEnd) as bytewise text. */
function compareRanges(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number {
  const length = Math.min(aEnd - a, bEnd - b)
  for (let at = 0; at < length; at++) {
    const difference = (bytes[a + at] as number) - (bytes[b + at] as number)
    if (difference !== 0) return difference
  }
  return aEnd - a - (bEnd - b)
}

type Reader = {
  readonly bytes: Uint8Array
  readonly canonical: boolean
  readonly integerKeys: boolean
  readonly shared: boolean
  readonly depthMax: number
  itemsLeft: number
  at: number
}

/**
 * The one value that `bytes` hold, to the last byte. Safe integers are numbers, larger ones bigint; byte strings are copies
 * unless `shared`.
 * Refuses CBOR_SYNTAX (tags, floats, other simple values, doubled or non-text keys, `__proto__`, ill-formed text, bytes
 * missing or left over, limits) and, with `canonical`, CBOR_NOT_CANONICAL (RFC 8949 section 4.2.1).
 */
export function decodeCbor(bytes: Uint8Array, options: CborOptions): CborValue {
  const reader: Reader = {
    // A Buffer's slice() would share memory with the caller: read through a plain array.
    bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    canonical: options.canonical,
    integerKeys: options.integerKeys ?? false,
    shared: options.shared ?? false,
    depthMax: options.depthMax ?? CBOR_DEPTH_MAX,
    itemsLeft: options.itemsMax ?? CBOR_ITEMS_MAX,
    at: 0,
  }
  const value = readValue(reader, 0)
  if (reader.at !== bytes.length) throw syntax(reader, 'the end', `${bytes.length - reader.at} more bytes`)
  return value
}

function readValue(reader: Reader, depth: number): CborValue {
  countItem(reader)
  const initial = readByte(reader)
  switch (initial >> 5) {
    case UNSIGNED:
      return readArgument(reader, initial)
    case NEGATIVE:
      return negative(readArgument(reader, initial))
    case BYTES:
      return readBytes(reader, initial)
    case TEXT:
      return readText(reader, initial)
    case ARRAY:
      return readArray(reader, initial, depth + 1)
    case MAP:
      return readMap(reader, initial, depth + 1)
    case TAG:
      throw syntax(reader, 'a value without tags', 'a tag')
    default:
      return readSimple(reader, initial)
  }
}

function countItem(reader: Reader): void {
  if (reader.itemsLeft === 0) throw syntax(reader, 'fewer values', 'one above the limit')
  reader.itemsLeft--
}

function readByte(reader: Reader): number {
  const byte = reader.bytes[reader.at]
  if (byte === undefined) throw syntax(reader, 'another byte', 'the end')
  reader.at++
  return byte
}

function readSimple(reader: Reader, initial: number): boolean | null {
  if (initial === 0xf4) return false
  if (initial === 0xf5) return true
  if (initial === 0xf6) return null
  throw syntax(reader, 'false, true or null', `initial byte ${initial}`)
}

function negative(size: number | bigint): number | bigint {
  if (typeof size === 'bigint') return -1n - size
  return size < Number.MAX_SAFE_INTEGER ? -1 - size : -1n - BigInt(size)
}

function readArgument(reader: Reader, initial: number): number | bigint {
  const information = initial & 31
  if (information < 24) return information
  if (information > 27) throw syntax(reader, 'an integer or a definite length', `initial byte ${initial}`)
  const width = 1 << (information - 24)
  if (reader.bytes.length - reader.at < width) throw syntax(reader, `${width} bytes of a number`, 'the end')
  const argument = width === 8 ? readUint64(reader) : readUint(reader, width)
  if (reader.canonical && argument < (SMALLEST_OF_WIDTH[information - 24] as number))
    throw loose(reader, 'the shortest number')
  return argument
}

/** The smallest argument that needs 1, 2, 4 or 8 bytes after the initial one. */
const SMALLEST_OF_WIDTH = [24, 0x100, 0x10000, UINT32_LIMIT] as const

function readUint(reader: Reader, width: number): number {
  let value = 0
  for (let count = 0; count < width; count++) value = value * 256 + (reader.bytes[reader.at++] as number)
  return value
}

function readUint64(reader: Reader): number | bigint {
  const high = readUint(reader, 4)
  const low = readUint(reader, 4)
  const value = high * UINT32_LIMIT + low
  return high < 2 ** 21 ? value : (BigInt(high) << 32n) | BigInt(low)
}

/** A length in units of at least `unitBytes` each, checked against what is left before anything is allocated. */
function readLength(reader: Reader, initial: number, unitBytes: number): number {
  const length = readArgument(reader, initial)
  const left = reader.bytes.length - reader.at
  if (typeof length === 'bigint' || length * unitBytes > left) {
    throw syntax(reader, `a length within the ${left} bytes left`, `${length}`)
  }
  return length
}

function readBytes(reader: Reader, initial: number): Uint8Array {
  const length = readLength(reader, initial, 1)
  const start = reader.at
  reader.at += length
  return reader.shared ? reader.bytes.subarray(start, reader.at) : copyOf(reader.bytes, start, reader.at)
}

function readText(reader: Reader, initial: number): string {
  const length = readLength(reader, initial, 1)
  const start = reader.at
  reader.at += length
  const ascii = length <= SHORT_TEXT_BYTES_MAX ? asciiText(reader.bytes, start, reader.at) : undefined
  if (ascii !== undefined) return ascii
  try {
    return decoder.decode(reader.bytes.subarray(start, reader.at))
  } catch (cause) {
    throw new CodedError('CBOR_SYNTAX', `expected well-formed UTF-8 at byte ${start}, got other bytes`, { cause })
  }
}

/** Short ASCII, which nearly every key is, without a call out of JavaScript; undefined when a byte is not ASCII. */
function asciiText(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = ''
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte > 0x7f) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function readArray(reader: Reader, initial: number, depth: number): CborValue[] {
  const length = enter(reader, initial, depth, 1)
  const values: CborValue[] = []
  while (more(reader, length, values.length)) values.push(readValue(reader, depth))
  return values
}

function readMap(reader: Reader, initial: number, depth: number): { [key: string]: CborValue } {
  const length = enter(reader, initial, depth, 2)
  const map: { [key: string]: CborValue } = {}
  let lastStart = 0
  let lastEnd = 0
  for (let count = 0; more(reader, length, count); count++) {
    const start = reader.at
    const key = readKey(reader)
    if (Object.hasOwn(map, key)) throw syntax(reader, 'each key once', `${JSON.stringify(key)} again`)
    if (reader.canonical && count > 0 && compareRanges(reader.bytes, lastStart, lastEnd, start, reader.at) > 0) {
      throw loose(reader, 'sorted keys')
    }
    lastStart = start
    lastEnd = reader.at
    map[key] = readValue(reader, depth)
  }
  return map
}

/** The number of items of an array or map, or undefined when a break ends it. */
function enter(reader: Reader, initial: number, depth: number, unitBytes: number): number | undefined {
  if (depth > reader.depthMax) throw syntax(reader, `at most ${reader.depthMax} levels`, 'another one')
  if ((initial & 31) !== INDEFINITE) return readLength(reader, initial, unitBytes)
  if (reader.canonical) throw loose(reader, 'a definite length')
  return undefined
}

function more(reader: Reader, length: number | undefined, count: number): boolean {
  if (length !== undefined) return count < length
  if (reader.bytes[reader.at] !== BREAK) return true
  reader.at++
  return false
}

function readKey(reader: Reader): string {
  countItem(reader)
  const initial = readByte(reader)
  const major = initial >> 5
  if (major === TEXT) {
    const key = readText(reader, initial)
    // Assigned to an object it would vanish, and what is checked would differ from what was hashed.
    if (key === '__proto__') throw syntax(reader, 'another key', '__proto__')
    return key
  }
  if (reader.integerKeys && major === UNSIGNED) return readArgument(reader, initial).toString()
  throw syntax(reader, 'a text key', `initial byte ${initial}`)
}

function syntax(reader: Reader, expected: string, got: string): CodedError {
  return new CodedError('CBOR_SYNTAX', `expected ${expected} at byte ${reader.at}, got ${got.slice(0, 80)}`)
}

function loose(reader: Reader, expected: string): CodedError {
  return new CodedError('CBOR_NOT_CANONICAL', `expected ${expected} at byte ${reader.at}, got another encoding`)
}
