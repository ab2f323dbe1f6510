/** CBOR, JSON, messages and frames: the first bytes of the host that anything of ours looks at. */
import { type CborInput, type CborValue, decodeCbor, encodeCbor } from '../../../enclave/protocol/cbor.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import {
  decodeMessage,
  decodeRequest,
  type Encoding,
  encodeFrame,
  encodeMessage,
  FrameReader,
} from '../../../enclave/protocol/frame.ts'
import { toHex } from '../../../enclave/protocol/ids.ts'
import { JSON_DEPTH_MAX, type JsonValue, parseStrictJson } from '../../../enclave/protocol/strict-json.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { ACCEPTED, bytesOf, demand, isSame, judged, type Outcome, type Target } from '../engine/target.ts'
import { changeInside, type Fields, randomBytes, type Value } from '../mutations.ts'
import { readSlowly } from './json-oracle.ts'

const EXAMPLES: readonly Value[] = [
  {},
  { method: 'status', params: {} },
  { a: [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1], b: [-1, -24, -25, -(2 ** 53 - 1)] },
  { deep: [[[[{ inner: [null, true, false] }]]]], text: 'é\u{1f600}"\\\n', empty: '', list: [] },
  { method: 'apply_events', params: { firstIndex: 0, head: `0x${'00'.repeat(32)}`, lines: ['0x7b7d0a'] } },
]
const BYTES_INSIDE: Value = { hash: new Uint8Array(32).fill(7), list: [new Uint8Array(0), new Uint8Array(300)] }
const BIG_INSIDE: Value = { high: 2n ** 64n - 1n, low: -(2n ** 64n), edge: 2n ** 53n }
/** Texts at which a reader that counts quotes, colons and brackets could go wrong. */
const JSON_TRAPS = [
  '{"a":1,"a":2}',
  '{"a":{"b":1,"b":2}}',
  '{"a":1,"\\u0061":2}',
  '{"__proto__":1}',
  '{"\\u005f_proto__":{}}',
  '{"a:b":":","c":"\\":"}',
  '{"a":"\\ud800"}',
  '{"\\ud83d\\ude00":"\\udc00"}',
  '{"a":"{[\\\\"}',
  '{"a":[[],{},"]"]}',
  '{"n":-0,"m":1e400,"k":12345678901234567890}',
  '\ufeff{}',
  '{} ',
  '[]',
  '{"a":"\u2028"}',
]

const cbor: Target = {
  name: 'cbor',
  claim: 'reads CBOR so that encoding gives the same meaning, and the same bytes where they are canonical',
  inputs: 20_000,
  seeds: () => [...EXAMPLES, BYTES_INSIDE, BIG_INSIDE].map((value) => encodeCbor(value)),
  generate: randomBytes,
  mutate: changeInside,
  run: (input) => {
    const loose = judged(() => decodeCbor(input, { canonical: false }), ['CBOR_SYNTAX'], sameAgain)
    const strict = judged(
      () => decodeCbor(input, { canonical: true }),
      ['CBOR_SYNTAX', 'CBOR_NOT_CANONICAL'],
      (value) => demand(isSame(encodeCbor(value), input), 'canonical bytes are what encoding gives'),
    )
    demand(strict !== ACCEPTED || loose === ACCEPTED, 'what is canonical is readable')
    return strict
  },
}

function sameAgain(value: CborValue): void {
  const again = decodeCbor(encodeCbor(value), { canonical: true })
  demand(isSame(again, value), 'what was read is read again from its own encoding')
}

const json: Target = {
  name: 'strict-json',
  claim: 'reads JSON as a reader does that looks at each character, and refuses what two readers could disagree about',
  inputs: 20_000,
  seeds: () => [...EXAMPLES.map((value) => bytesOf(JSON.stringify(value))), ...JSON_TRAPS.map(bytesOf)],
  generate: (dice) => bytesOf(jsonSoup(dice)),
  mutate: changeInside,
  run: (input) => {
    const read = parseStrictJson(input)
    const text = utf8TextOf(input)
    const seen = text === undefined ? undefined : readSlowly(text)
    const fits = seen !== undefined && isMap(seen.value) && !seen.proto && seen.depth <= JSON_DEPTH_MAX
    demand((read.kind === 'object') === (fits && !seen.doubled), `an object or none, not ${read.kind}`)
    demand((read.kind === 'key-doubled') === (fits && seen.doubled), `a doubled key or none, not ${read.kind}`)
    demand(read.kind !== 'not-utf8' || text === undefined, 'what is not UTF-8 is not UTF-8')
    if (read.kind !== 'object') return 'JSON_SYNTAX'
    demand(isSame(read.value, seen?.value), 'both readers read one value')
    demand(read.wellFormed === isWellFormed(read.value), 'wellFormed says whether the text has a UTF-8 form')
    return ACCEPTED
  },
}

function utf8TextOf(input: Uint8Array): string | undefined {
  const text = Buffer.from(input).toString('utf8')
  return Buffer.compare(Buffer.from(text, 'utf8'), input) === 0 ? text : undefined
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isWellFormed(value: JsonValue): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isWellFormed)
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && isWellFormed(inner))
}

const SOUP = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '\\',
  'a',
  '"a"',
  '"b":',
  '1',
  '-',
  '0',
  '.5',
  'e9',
  'true',
  'null',
  ' ',
  '\n',
  '\\u0061',
  '\\ud800',
  '\u00e9',
]

/** Pieces of JSON in any order: most of it none. */
function jsonSoup(dice: Dice): string {
  return `{${Array.from({ length: dice.below(40) }, () => dice.pick(SOUP)).join('')}}`
}

const message: Target = {
  name: 'message',
  claim: 'reads a message so that writing it again, in either encoding, says the same',
  inputs: 15_000,
  seeds: () => [
    ...EXAMPLES.map((value) => bytesOf(JSON.stringify(value))),
    ...EXAMPLES.map((value) => encodeCbor(value)),
  ],
  generate: randomBytes,
  mutate: changeInside,
  run: (input) => {
    const codes = ['FRAME_SYNTAX', 'JSON_SYNTAX', 'CBOR_SYNTAX'] as const
    judged(
      () => decodeRequest(input),
      codes,
      ({ params }) => demand(isMap(params), 'params are a map'),
    )
    return judged(
      () => decodeMessage(input),
      codes,
      ({ message: read, encoding }) => {
        for (const form of ['cbor', 'json'] as const)
          demand(isSameMessage(read, form, encoding), `${form} says the same`)
      },
    )
  },
}

/** In JSON, bytes are hex and a bigint is text; a number with a fraction has no form at all. */
function isSameMessage(read: Fields, form: Encoding, was: Encoding): boolean {
  if (hasFraction(read)) return was === 'json'
  const again = decodeMessage(encodeMessage(read, form)).message
  return isSame(again, form === 'json' ? plain(read) : withoutBigint(read))
}

function hasFraction(value: Value): boolean {
  if (typeof value === 'number') return !Number.isSafeInteger(value)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  return Object.values(value as Fields).some(hasFraction)
}

function plain(value: Value): Value {
  if (value instanceof Uint8Array) return toHex(value)
  return mapped(value, plain)
}

function withoutBigint(value: Value): Value {
  return value instanceof Uint8Array ? value : mapped(value, withoutBigint)
}

function mapped(value: Value, change: (inner: Value) => Value): Value {
  if (typeof value === 'bigint') return value.toString()
  if (Object.is(value, -0)) return 0
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: CborInput) => change(item))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner as Value)]))
}

const FRAME_BYTES_MAX_HERE = 256

const frames: Target = {
  name: 'frames',
  claim: 'cuts a stream into the same frames however it arrives, and holds no more than what has arrived',
  inputs: 10_000,
  seeds: () => [
    streamOf([bytesOf('{}')]),
    streamOf([new Uint8Array(0), new Uint8Array(FRAME_BYTES_MAX_HERE), bytesOf('x')]),
    Uint8Array.of(0, 0, 1, 1),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff),
    streamOf([bytesOf('abc')]).subarray(0, 5),
  ],
  generate: (dice) => streamOf(Array.from({ length: dice.below(5) }, () => randomBytes(dice))),
  run: (input) => {
    const whole = framesOf([input])
    const dice = newDice(input.length * 256 + (input[0] ?? 0))
    for (const pieces of [
      cutAtRandom(dice, input),
      cutAtRandom(dice, input),
      Array.from(input, (byte) => Uint8Array.of(byte)),
    ])
      demand(isSame(framesOf(pieces), whole), 'the same frames come of the same bytes')
    return whole.outcome
  },
}

type Cut = { readonly frames: readonly Uint8Array[]; readonly outcome: Outcome }

/** Frames of one push go with its refusal, so the frames before it count up to the push that refused. */
function framesOf(pieces: readonly Uint8Array[]): Cut {
  const reader = new FrameReader(FRAME_BYTES_MAX_HERE)
  const found: Uint8Array[] = []
  try {
    for (const piece of pieces) for (const frame of reader.push(piece)) found.push(frame)
    reader.end()
    return { frames: found, outcome: ACCEPTED }
  } catch (error) {
    if (!isCoded(error)) throw error
    return { frames: error.code === 'FRAME_TOO_LARGE' ? [] : found, outcome: error.code }
  }
}

function streamOf(payloads: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(payloads.map((payload) => encodeFrame(payload))))
}

/** The bytes in pieces of 0 to 40. */
export function cutAtRandom(dice: Dice, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = dice.below(41)
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

export const ENCODINGS: readonly Target[] = [cbor, json, message, frames]
