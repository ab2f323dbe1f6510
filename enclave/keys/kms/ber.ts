/**
 * BER (X.690) as far as KMS writes it: one-byte tags, definite or indefinite lengths. Whoever sits behind the byte pipe
 * may have written these bytes, so depth, size and count are bounded before anything is kept.
 */
import { CodedError } from '../../protocol/errors.ts'

/** One element: its identifier byte, and its bytes where it is primitive, its elements where it is constructed. */
export type BerElement = BerPrimitive | BerConstructed
export type BerPrimitive = { readonly tag: number; readonly bytes: Uint8Array; readonly elements?: undefined }
export type BerConstructed = { readonly tag: number; readonly elements: readonly BerElement[] }

/** An envelope of KMS has 493 bytes around a key of 32; text in hex makes it a little longer. */
export const BER_BYTES_MAX = 2_048
/** KMS nests 10 deep, the hash inside the mask generator's parameters being the innermost. */
export const BER_DEPTH_MAX = 12
/** KMS writes 33, the marks of an end counted. */
export const BER_ELEMENTS_MAX = 128

const CONSTRUCTED = 0x20
const LONG_TAG = 0x1f
const INDEFINITE = 0x80
const LONG_LENGTH = 0x80
const LENGTH_BYTES_MAX = 2

type Reader = { readonly bytes: Uint8Array; at: number; count: number }
type Length = number | 'indefinite'

/** The one element that `bytes` consist of. Refuses KMS_ENVELOPE. */
export function readBer(bytes: Uint8Array): BerElement {
  if (bytes.length > BER_BYTES_MAX) refuseBer(`at most ${BER_BYTES_MAX} bytes`, `${bytes.length}`)
  const reader = { bytes, at: 0, count: 0 }
  const element = readElement(reader, bytes.length, 1)
  if (reader.at !== bytes.length) refuseBer('one element', `${bytes.length - reader.at} bytes behind it`)
  return element
}

/** The next element, which ends at `end` or before it. */
function readElement(reader: Reader, end: number, depth: number): BerElement {
  if (depth > BER_DEPTH_MAX) refuseBer(`at most ${BER_DEPTH_MAX} elements inside each other`, 'more')
  countOne(reader)
  const tag = nextByte(reader, end)
  if ((tag & LONG_TAG) === LONG_TAG) refuseBer('tags of one byte', `tag ${tag}`)
  const length = readLength(reader, end)
  if ((tag & CONSTRUCTED) !== 0) return { tag, elements: readInside(reader, length, end, depth) }
  if (length === 'indefinite') refuseBer('a length of a primitive element', 'none')
  return { tag, bytes: take(reader, length, end) }
}

/** Each element counts, and each takes at least two bytes of a bounded input: every loop here ends. */
function countOne(reader: Reader): void {
  reader.count += 1
  if (reader.count > BER_ELEMENTS_MAX) refuseBer(`at most ${BER_ELEMENTS_MAX} elements`, 'more')
}

/** A short length, one of at most two further bytes in its shortest form, or none. */
function readLength(reader: Reader, end: number): Length {
  const first = nextByte(reader, end)
  if (first < LONG_LENGTH) return first
  if (first === INDEFINITE) return 'indefinite'
  const size = first - LONG_LENGTH
  if (size > LENGTH_BYTES_MAX) refuseBer(`a length of at most ${LENGTH_BYTES_MAX} bytes`, `${size} bytes`)
  const length = take(reader, size, end).reduce((value, byte) => value * 256 + byte, 0)
  const shortest = size === 1 ? LONG_LENGTH : 256
  if (length < shortest) refuseBer('a length in its shortest form', `${length} in ${size} bytes`)
  return length
}

function readInside(reader: Reader, length: Length, end: number, depth: number): readonly BerElement[] {
  if (length === 'indefinite') return readToMark(reader, end, depth)
  const insideEnd = reader.at + length
  if (insideEnd > end) refuseBer(`${length} bytes inside`, `${end - reader.at}`)
  const elements: BerElement[] = []
  while (reader.at < insideEnd) elements.push(readElement(reader, insideEnd, depth + 1))
  return elements
}

function readToMark(reader: Reader, end: number, depth: number): readonly BerElement[] {
  const elements: BerElement[] = []
  while (!isMark(reader, end)) elements.push(readElement(reader, end, depth + 1))
  reader.at += 2
  return elements
}

/** Two zero bytes end an element without a length. One zero byte is a tag that nothing of KMS has. */
function isMark({ bytes, at }: Reader, end: number): boolean {
  if (at + 2 > end) refuseBer('the mark of an end', 'the end of the bytes')
  if (bytes[at] !== 0) return false
  if (bytes[at + 1] !== 0) refuseBer('the mark of an end', 'one zero byte')
  return true
}

function nextByte(reader: Reader, end: number): number {
  return take(reader, 1, end)[0] as number
}

function take(reader: Reader, size: number, end: number): Uint8Array {
  const { bytes, at } = reader
  if (at + size > end) refuseBer(`${size} more bytes`, `${end - at}`)
  reader.at = at + size
  return bytes.subarray(at, at + size)
}

function refuseBer(expected: string, got: string): never {
  throw new CodedError('KMS_ENVELOPE', `expected BER with ${expected}, got ${got}`)
}
