/**
 * Frames between host and enclave: a big-endian length of four bytes, then one JSON object or one CBOR map, told apart
 * by the first byte. An answer comes in the encoding of its question, so clients of the replaced system work unchanged.
 */
import { type CborInput, type CborValue, decodeCbor, encodeCbor } from './cbor.ts'
import { assert, CodedError } from './errors.ts'
import { toHex } from './ids.ts'
import { parseStrictJson } from './strict-json.ts'

export type Encoding = 'json' | 'cbor'
export type Message = { [key: string]: CborValue }
export type Request = { encoding: Encoding; method: string; params: Message }

/** One sealed record and its entries fit one frame: 4 MiB of payload and as much again for hex and keys. */
export const FRAME_BYTES_MAX = 8_388_608
export const FRAME_HEAD_BYTES = 4

const READER_BYTES_MIN = 4_096
/** The journal's calls fit: growing to their size anew for each would copy them twice more. */
const READER_BYTES_KEPT_MAX = 524_288
const MESSAGE_DEPTH_MAX = 32
const FIRST_BYTE_JSON = 0x7b
const MAJOR_TYPE_MAP = 5

const encoder = new TextEncoder()

/** `payload` behind its length. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length)
  frame.set(frameHead(payload))
  frame.set(payload, FRAME_HEAD_BYTES)
  return frame
}

/** What goes before `payload`: its length. */
export function frameHead(payload: Uint8Array): Uint8Array {
  assert(payload.length <= FRAME_BYTES_MAX, 'a frame of ours is within FRAME_BYTES_MAX')
  const head = new Uint8Array(FRAME_HEAD_BYTES)
  new DataView(head.buffer).setUint32(0, payload.length)
  return head
}

/** Cuts a byte stream into payloads. It holds what has arrived, never what a length announces: the peer may be lying. */
export class FrameReader {
  #bytes = new Uint8Array(READER_BYTES_MIN)
  #length = 0
  #refusal: CodedError | undefined
  readonly #frameBytesMax: number

  constructor(frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#frameBytesMax = frameBytesMax
  }

  /** True between the first byte of a frame and its last: the time in which a deadline runs. */
  get partial(): boolean {
    return this.#length > 0
  }

  /**
   * The payloads that `chunk` completes, as copies. Refuses FRAME_TOO_LARGE as soon as the length has arrived, together
   * with the frames before it in the same chunk; a reader that refused once refuses for ever.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    if (this.#refusal !== undefined) throw this.#refusal
    this.#append(chunk)
    const payloads: Uint8Array[] = []
    let at = 0
    for (let end = this.#frameEnd(at); end !== undefined; end = this.#frameEnd(at)) {
      payloads.push(this.#bytes.slice(at + FRAME_HEAD_BYTES, end))
      at = end
    }
    this.#discard(at)
    return payloads
  }

  /** The stream has ended. Refuses FRAME_TRUNCATED inside a frame. */
  end(): void {
    if (!this.partial) return
    throw new CodedError('FRAME_TRUNCATED', `expected the rest of a frame after ${this.#length} bytes, got the end`)
  }

  /** Where the frame at `at` ends, or undefined while it is not whole. */
  #frameEnd(at: number): number | undefined {
    if (this.#length - at < FRAME_HEAD_BYTES) return undefined
    const size = readUint32(this.#bytes, at)
    if (size > this.#frameBytesMax) this.#refuse(size)
    const end = at + FRAME_HEAD_BYTES + size
    return end <= this.#length ? end : undefined
  }

  #refuse(size: number): never {
    this.#refusal = new CodedError('FRAME_TOO_LARGE', `expected at most ${this.#frameBytesMax} bytes, got ${size}`)
    this.#bytes = new Uint8Array(0)
    this.#length = 0
    throw this.#refusal
  }

  #append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#bytes.set(chunk, this.#length)
    this.#length = length
  }

  /** Keeps what follows `at`, and gives the memory of a large frame back. */
  #discard(at: number): void {
    if (at === 0) return
    // Calls that come one by one are whole: the room of one serves the next.
    if (at === this.#length && this.#bytes.length <= READER_BYTES_KEPT_MAX) {
      this.#length = 0
      return
    }
    const rest = this.#bytes.subarray(at, this.#length)
    const kept = new Uint8Array(Math.max(READER_BYTES_MIN, rest.length))
    kept.set(rest)
    this.#bytes = kept
    this.#length = rest.length
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
}

/**
 * The object in one payload. In JSON, bytes are 0x-hex text and amounts decimal text; CBOR need not be canonical here,
 * since messages are never hashed. Refuses FRAME_SYNTAX, JSON_SYNTAX, CBOR_SYNTAX.
 */
export function decodeMessage(payload: Uint8Array): { encoding: Encoding; message: Message } {
  return decode(payload, false)
}

function decode(payload: Uint8Array, shared: boolean): { encoding: Encoding; message: Message } {
  const first = payload[0]
  if (first === FIRST_BYTE_JSON) return { encoding: 'json', message: decodeJson(payload) }
  if (first === undefined || first >> 5 !== MAJOR_TYPE_MAP) {
    throw new CodedError('FRAME_SYNTAX', `expected a first byte of { or of a CBOR map, got ${first ?? 'nothing'}`)
  }
  const message = decodeCbor(payload, { canonical: false, shared })
  return { encoding: 'cbor', message: message as Message }
}

/**
 * What a request is answered in, readable or not: whatever does not begin like a CBOR map is answered in JSON, which a
 * client of the original form can read.
 */
export function encodingOf(payload: Uint8Array): Encoding {
  return (payload[0] ?? 0) >> 5 === MAJOR_TYPE_MAP ? 'cbor' : 'json'
}

/**
 * A message with exactly a `method` and its `params`. Byte strings of a CBOR map are parts of `payload`: nobody writes to
 * it any more. Refuses as decodeMessage does.
 */
export function decodeRequest(payload: Uint8Array): Request {
  const { encoding, message } = decode(payload, true)
  const { method, params, ...rest } = message
  const others = Object.keys(rest)
  if (typeof method !== 'string' || !isMap(params) || others.length > 0) {
    throw new CodedError('FRAME_SYNTAX', `expected a text method and a map params, got the keys ${shownKeys(message)}`)
  }
  return { encoding, method, params }
}

function isMap(value: CborValue | undefined): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

const SHOWN_CHARACTERS_MAX = 120

function shownKeys(message: Message): string {
  return JSON.stringify(Object.keys(message)).slice(0, SHOWN_CHARACTERS_MAX)
}

function decodeJson(payload: Uint8Array): Message {
  const parsed = parseStrictJson(payload, { bytesMax: FRAME_BYTES_MAX, depthMax: MESSAGE_DEPTH_MAX })
  if (parsed.kind !== 'object') throw new CodedError('JSON_SYNTAX', `expected one JSON object, got ${parsed.kind}`)
  if (!parsed.wellFormed) throw new CodedError('JSON_SYNTAX', 'expected well-formed text, got a lone surrogate')
  return parsed.value
}

/**
 * The payload of a message. JSON: compact, keys by code point, ASCII (as the replaced system answered), bytes as 0x-hex.
 * CBOR: deterministic, bytes as byte strings. Both: a bigint is decimal text. Floats and undefined are our bugs.
 */
export function encodeMessage(message: { readonly [key: string]: CborInput }, encoding: Encoding): Uint8Array {
  if (encoding === 'cbor') return encodeCbor(message, { bigintAsText: true })
  return encoder.encode(jsonOf(message, 0))
}

function jsonOf(value: CborInput, depth: number): string {
  switch (typeof value) {
    case 'string':
      return asciiJson(value)
    case 'bigint':
      return `"${value}"`
    case 'boolean':
      return value ? 'true' : 'false'
    case 'number':
      assert(Number.isSafeInteger(value), 'a number in a message is a safe integer')
      return value.toString()
    case 'object':
      return jsonOfObject(value, depth + 1)
    default:
      assert(false, `a ${typeof value} has no JSON form`)
  }
}

type JsonContainer = null | Uint8Array | readonly CborInput[] | { readonly [key: string]: CborInput }

function jsonOfObject(value: JsonContainer, depth: number): string {
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return `"${toHex(value)}"`
  assert(depth <= MESSAGE_DEPTH_MAX, 'a message nests no deeper than MESSAGE_DEPTH_MAX')
  if (isArray(value)) return `[${value.map((item) => jsonOf(item, depth)).join(',')}]`
  const keys = Object.keys(value).sort(compareCodePoints)
  return `{${keys.map((key) => `${asciiJson(key)}:${jsonOf(value[key] as CborInput, depth)}`).join(',')}}`
}

function isArray(value: object): value is readonly CborInput[] {
  return Array.isArray(value)
}

function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    NOT_PRINTABLE_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const NOT_PRINTABLE_ASCII = /[\u007f-\uffff]/g

/** Order by code point, as Python sorts. UTF-16 order differs: surrogates are smaller than U+E000 there. */
export function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let at = 0; at < length; at++) {
    const difference = rank(left.charCodeAt(at)) - rank(right.charCodeAt(at))
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
