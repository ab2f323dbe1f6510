/** The bytes below the CBOR encoder: heads, integers, text and byte strings in their shortest form (RFC 8949 section 4.2.1). */
import { assert } from './errors.ts'

export const UNSIGNED = 0
export const NEGATIVE = 1
export const BYTES = 2
export const TEXT = 3
export const ARRAY = 4
export const MAP = 5
export const TAG = 6

/** A buffer that grows as it is written; `length` counts what is written. Messages carry a bigint as decimal text. */
export type Sink = { bytes: Uint8Array; length: number; readonly bigintAsText: boolean }

const SINK_BYTES_MIN = 256
/** A buffer that grew beyond this is not kept for the next encoder. */
const SPARE_BYTES_MAX = 1_048_576
/** V8 keeps arrays up to this size in its own heap: nothing is cheaper. */
const HEAP_BYTES_MAX = 64
const BLOCK_BYTES = 65_536
/** What is larger has memory of its own, so that it can be freed alone. */
const BLOCK_PART_BYTES_MAX = 4_096
const UINT64_LIMIT = 2n ** 64n
const UINT32_LIMIT = 2 ** 32
const encoder = new TextEncoder()

/** One buffer serves encoders one after another; an encoder within another finds it taken, and makes its own. */
let spare: Uint8Array | undefined

export function newSink(bigintAsText: boolean): Sink {
  const bytes = spare ?? new Uint8Array(SINK_BYTES_MIN)
  spare = undefined
  return { bytes, length: 0, bigintAsText }
}

/** A copy of what was written. The sink is not written to any more. */
export function finish(sink: Sink): Uint8Array {
  if (sink.bytes.length <= SPARE_BYTES_MAX) spare = sink.bytes
  return copyOf(sink.bytes, 0, sink.length)
}

let block = new Uint8Array(BLOCK_BYTES)
let blockAt = 0

/**
 * A copy of bytes[start..end) that nobody else writes to. Small copies lie side by side in a block, since an allocation
 * for each costs more than all that is done with it: their `buffer` holds other bytes too.
 */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const size = end - start
  if (size <= HEAP_BYTES_MAX || size > BLOCK_PART_BYTES_MAX) return bytes.slice(start, end)
  if (blockAt + size > BLOCK_BYTES) {
    block = new Uint8Array(BLOCK_BYTES)
    blockAt = 0
  }
  const copy = block.subarray(blockAt, blockAt + size)
  copy.set(bytes.subarray(start, end))
  blockAt += size
  return copy
}

export function writeNumber(sink: Sink, value: number): void {
  assert(Number.isSafeInteger(value), 'a number is a safe integer: floats are never encoded')
  if (value >= 0) writeHead(sink, UNSIGNED, value)
  else writeHead(sink, NEGATIVE, -1 - value)
}

export function writeBigint(sink: Sink, value: bigint): void {
  if (sink.bigintAsText) return writeText(sink, value.toString())
  assert(value < UINT64_LIMIT && value >= -UINT64_LIMIT, 'an integer has at most 64 bits: larger amounts are text')
  const major = value >= 0n ? UNSIGNED : NEGATIVE
  const size = value >= 0n ? value : -1n - value
  if (size <= BigInt(Number.MAX_SAFE_INTEGER)) return writeHead(sink, major, Number(size))
  writeHead64(sink, major, Number(size >> 32n), Number(size & 0xffffffffn))
}

/** Text is written as ASCII first; the first other character sends it to the slow path, which starts over. */
export function writeText(sink: Sink, text: string): void {
  const start = sink.length
  writeHead(sink, TEXT, text.length)
  reserve(sink, text.length)
  const { bytes } = sink
  let to = sink.length
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x7f) {
      sink.length = start
      return writeUnicode(sink, text)
    }
    bytes[to++] = code
  }
  sink.length = to
}

function writeUnicode(sink: Sink, text: string): void {
  assert(text.isWellFormed(), 'text has no lone surrogate')
  const encoded = encoder.encode(text)
  writeHead(sink, TEXT, encoded.length)
  append(sink, encoded)
}

export function writeBytes(sink: Sink, value: Uint8Array): void {
  writeHead(sink, BYTES, value.length)
  append(sink, value)
}

/** A few bytes that are CBOR already: a call out of JavaScript costs more than to copy them one by one. */
export function writeEncoded(sink: Sink, value: Uint8Array): void {
  reserve(sink, value.length)
  const { bytes } = sink
  let to = sink.length
  for (let at = 0; at < value.length; at++) bytes[to++] = value[at] as number
  sink.length = to
}

function append(sink: Sink, value: Uint8Array): void {
  reserve(sink, value.length)
  sink.bytes.set(value, sink.length)
  sink.length += value.length
}

/** The shortest head for `argument`, a safe integer that is not negative. */
export function writeHead(sink: Sink, major: number, argument: number): void {
  if (argument >= UINT32_LIMIT) return writeHead64(sink, major, Math.floor(argument / UINT32_LIMIT), argument >>> 0)
  reserve(sink, 5)
  const { bytes } = sink
  const initial = major << 5
  let at = sink.length
  if (argument < 24) {
    bytes[at++] = initial | argument
  } else if (argument < 0x100) {
    bytes[at++] = initial | 24
    bytes[at++] = argument
  } else if (argument < 0x10000) {
    bytes[at++] = initial | 25
    bytes[at++] = argument >>> 8
    bytes[at++] = argument
  } else {
    bytes[at++] = initial | 26
    at = putUint32(bytes, at, argument)
  }
  sink.length = at
}

function writeHead64(sink: Sink, major: number, high: number, low: number): void {
  reserve(sink, 9)
  sink.bytes[sink.length] = (major << 5) | 27
  sink.length = putUint32(sink.bytes, putUint32(sink.bytes, sink.length + 1, high), low)
}

function putUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}

export function writeByte(sink: Sink, byte: number): void {
  reserve(sink, 1)
  sink.bytes[sink.length++] = byte
}

function reserve(sink: Sink, bytes: number): void {
  const needed = sink.length + bytes
  if (needed <= sink.bytes.length) return
  const grown = new Uint8Array(Math.max(needed, sink.bytes.length * 2))
  grown.set(sink.bytes.subarray(0, sink.length))
  sink.bytes = grown
}
