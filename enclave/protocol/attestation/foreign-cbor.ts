/**
 * CBOR as the NSM writes it: integers, strings, arrays, maps and null, every length in its shortest form. Arrays and maps
 * may end with a break, as those of newer hypervisors do; strings may not. It reads beside `protocol/cbor.ts`, whose
 * subset is our own, because a signature covers these bytes as they came: two readers must never see two documents [N6].
 * Whoever carries the document chose these bytes: a count is held against what is left before anything is looped over.
 */
import { CodedError, type ErrorCode } from '../errors.ts'

export type ForeignKey = string | number | bigint
/** Safe integers are numbers, larger ones bigint; byte strings are copies. */
export type ForeignValue =
  | number
  | bigint
  | string
  | Uint8Array
  | null
  | readonly ForeignValue[]
  | ReadonlyMap<ForeignKey, ForeignValue>

export const UNSIGNED = 0
export const NEGATIVE = 1
export const BYTES = 2
export const TEXT = 3
export const ARRAY = 4
export const MAP = 5

const NULL = 0xf6
const BREAK = 0xff
const INDEFINITE = 31
const INFORMATION_BITS = 5
const INFORMATION_MASK = 31
/** Additional information 24 to 27: the argument follows in 1, 2, 4 or 8 bytes. */
const ARGUMENT_FOLLOWS = 24
const ARGUMENT_FOLLOWS_LAST = 27
const SMALLEST_OF_WIDTH = [24n, 0x100n, 0x1_0000n, 0x1_0000_0000n] as const

export const FOREIGN_DEPTH_MAX = 4

export type ForeignReader = {
  readonly bytes: Uint8Array
  /** What a refusal is called: the envelope and the payload are two steps. */
  readonly code: ErrorCode
  at: number
}

/** The initial byte and its argument; `undefined` stands for an indefinite length. */
export type Head = { readonly major: number; readonly argument: number | bigint | undefined }

export function newForeignReader(bytes: Uint8Array, code: ErrorCode): ForeignReader {
  // A Buffer's slice() would share memory with the caller: read through a plain array.
  return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), code, at: 0 }
}

/** The one value that `bytes` hold, to the last byte; else refuses with `code`. */
export function readForeign(bytes: Uint8Array, code: ErrorCode): ForeignValue {
  const reader = newForeignReader(bytes, code)
  const value = readValue(reader, 0)
  expectEnd(reader)
  return value
}

export function expectEnd(reader: ForeignReader): void {
  const left = reader.bytes.length - reader.at
  if (left !== 0) throw misread(reader, 'the end', `${left} more bytes`)
}

export function misread(reader: ForeignReader, expected: string, got: string): CodedError {
  return new CodedError(reader.code, `expected ${expected} at byte ${reader.at}, got ${got}`)
}

/** The next initial byte with its argument, which has to be written as short as it can be. */
export function readHead(reader: ForeignReader): Head {
  const initial = readByte(reader)
  const major = initial >> INFORMATION_BITS
  const information = initial & INFORMATION_MASK
  if (information < ARGUMENT_FOLLOWS) return { major, argument: information }
  if (information === INDEFINITE) return { major, argument: undefined }
  if (information > ARGUMENT_FOLLOWS_LAST) throw misread(reader, 'a number or a length', `initial byte ${initial}`)
  return { major, argument: readArgument(reader, information - ARGUMENT_FOLLOWS) }
}

function readByte(reader: ForeignReader): number {
  const byte = reader.bytes[reader.at]
  if (byte === undefined) throw misread(reader, 'another byte', 'the end')
  reader.at++
  return byte
}

function readArgument(reader: ForeignReader, widthPower: number): number | bigint {
  const width = 1 << widthPower
  if (reader.bytes.length - reader.at < width) throw misread(reader, `a number of ${width} bytes`, 'the end')
  let argument = 0n
  for (let count = 0; count < width; count++) argument = argument * 256n + BigInt(readByte(reader))
  if (argument < (SMALLEST_OF_WIDTH[widthPower] as bigint)) throw misread(reader, 'the shortest form', 'a longer one')
  return argument <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(argument) : argument
}

/** The bytes of a string whose head was read: definite, and no longer than what is left. */
export function readStringBytes(reader: ForeignReader, { argument }: Head): Uint8Array {
  if (argument === undefined) throw misread(reader, 'a string of definite length', 'one that is not')
  const size = withinRest(reader, argument, 1)
  reader.at += size
  return reader.bytes.slice(reader.at - size, reader.at)
}

function withinRest(reader: ForeignReader, count: number | bigint, bytesEach: number): number {
  const left = reader.bytes.length - reader.at
  if (typeof count === 'bigint' || count * bytesEach > left)
    throw misread(reader, `a length within the ${left} bytes left`, `${count}`)
  return count
}

function readValue(reader: ForeignReader, depth: number): ForeignValue {
  if (reader.bytes[reader.at] === NULL) {
    reader.at++
    return null
  }
  const head = readHead(reader)
  switch (head.major) {
    case UNSIGNED:
    case NEGATIVE:
      return readInteger(reader, head)
    case BYTES:
      return readStringBytes(reader, head)
    case TEXT:
      return readText(reader, head)
    case ARRAY:
      return readArray(reader, head, depth + 1)
    case MAP:
      return readMap(reader, head, depth + 1)
    default:
      throw misread(reader, 'an integer, a string, an array, a map or null', `major type ${head.major}`)
  }
}

function readInteger(reader: ForeignReader, { major, argument }: Head): number | bigint {
  if (argument === undefined) throw misread(reader, 'an integer', 'an indefinite length')
  if (major === UNSIGNED) return argument
  return typeof argument === 'bigint' || argument === Number.MAX_SAFE_INTEGER ? -1n - BigInt(argument) : -1 - argument
}

/** A byte order mark is a character like any other: without ignoreBOM two keys would read as one. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readText(reader: ForeignReader, head: Head): string {
  const bytes = readStringBytes(reader, head)
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new CodedError(reader.code, `expected well-formed UTF-8 before byte ${reader.at}, got other bytes`, { cause })
  }
}

function readArray(reader: ForeignReader, head: Head, depth: number): readonly ForeignValue[] {
  const count = enter(reader, head, depth, 1)
  const values: ForeignValue[] = []
  while (more(reader, count, values.length)) values.push(readValue(reader, depth))
  return values
}

function readMap(reader: ForeignReader, head: Head, depth: number): ReadonlyMap<ForeignKey, ForeignValue> {
  const count = enter(reader, head, depth, 2)
  const map = new Map<ForeignKey, ForeignValue>()
  while (more(reader, count, map.size)) {
    const key = readKey(reader)
    // With a key twice, the reader that keeps the first and the one that keeps the last see two documents [N7].
    if (map.has(key)) throw misread(reader, 'each key once', `${JSON.stringify(key.toString())} again`)
    map.set(key, readValue(reader, depth))
  }
  return map
}

/** The number of items, held against the bytes left; undefined where a break ends them. */
function enter(reader: ForeignReader, { argument }: Head, depth: number, bytesEach: number): number | undefined {
  if (depth > FOREIGN_DEPTH_MAX) throw misread(reader, `at most ${FOREIGN_DEPTH_MAX} levels`, 'another one')
  return argument === undefined ? undefined : withinRest(reader, argument, bytesEach)
}

function more(reader: ForeignReader, count: number | undefined, read: number): boolean {
  if (count !== undefined) return read < count
  if (reader.bytes[reader.at] !== BREAK) return true
  reader.at++
  return false
}

function readKey(reader: ForeignReader): ForeignKey {
  const head = readHead(reader)
  if (head.major === TEXT) return readText(reader, head)
  if (head.major === UNSIGNED || head.major === NEGATIVE) return readInteger(reader, head)
  throw misread(reader, 'a key of text or an integer', `major type ${head.major}`)
}
