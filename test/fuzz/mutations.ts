/** Damage to valid requests, all of it drawn from dice: to the values before they are encoded, and to the bytes afterwards. */
import { type CborInput, decodeCbor, encodeCbor } from '../../enclave/protocol/cbor.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import type { Dice } from '../../scripts/journal/dice.ts'
import { bytesOf, textOf } from './engine/target.ts'

export type Value = CborInput
export type Fields = { [key: string]: Value }

/** Half of the requests keep their values: what is refused early reaches nothing behind. */
const VALUES_KEPT = 3
const VALUE_CHANGES_MAX = 3
const BYTE_CHANGES_MAX = 4
const RANDOM_BYTES_MAX = 300
const FIRST_BYTE_JSON = 0x7b
const FIRST_BYTES = [0x7b, 0xa0, 0xa2, 0xbf, 0xb9, 0x9a, 0x00]
const KEY_AND_VALUE = /"(\w+)":("[^"]*"|\d+|true|false)/g
/** Heads of CBOR that announce too much, or that no reader of ours takes. */
const LOADED_BYTES = [0x00, 0x1b, 0x3b, 0x5b, 0x7f, 0x9a, 0x9f, 0xbf, 0xc0, 0xf7, 0xfb, 0xff, 0x22, 0x5c, 0x7b, 0x2c]

const VALUES: readonly Value[] = [
  null,
  true,
  0,
  -1,
  1,
  2 ** 32,
  2 ** 48 - 1,
  2 ** 53 - 1,
  2n ** 60n,
  -(2n ** 63n),
  '',
  '0',
  '-1',
  '1',
  '340282366920938463463374607431768211455',
  '340282366920938463463374607431768211456',
  '0x',
  `0x${'00'.repeat(20)}`,
  `0x${'00'.repeat(32)}`,
  `0x${'ff'.repeat(32)}`,
  '__proto__',
  'constructor',
  'orch-0',
  '\u{1f600}'.repeat(64),
  'a'.repeat(5_000),
  [],
  [[]],
  [2n ** 60n],
  {},
  { constructor: 1 },
  new Uint8Array(0),
  new Uint8Array(20),
  new Uint8Array(32),
  new Uint8Array(33),
  new Uint8Array(200).fill(0x7b),
]

/** Request bytes in one of the encodings: as they should be, or changed in a few values, or in a few bytes, or in both. */
export function requestOf(dice: Dice, method: string, params: Fields): Uint8Array {
  const message: Fields = { method, params: copyOf(params) }
  const changes = dice.between(-VALUES_KEPT + 1, VALUE_CHANGES_MAX)
  for (let change = 0; change < changes; change++) changeValue(dice, dice.below(20) === 0 ? message : message['params'])
  const bytes = dice.below(2) === 0 ? encodeCbor(message) : jsonBytes(dice, message)
  return dice.below(4) === 0 ? changeBytes(dice, bytes) : bytes
}

/** Bytes that mostly begin like a message. */
export function randomBytes(dice: Dice): Uint8Array {
  const bytes = Uint8Array.from({ length: dice.below(RANDOM_BYTES_MAX) }, () =>
    dice.below(3) === 0 ? dice.pick(LOADED_BYTES) : dice.below(256),
  )
  if (bytes.length > 0 && dice.below(4) > 0) bytes[0] = dice.pick(FIRST_BYTES)
  return bytes
}

/** A copy in which one to three things are changed, somewhere inside. A value without an inside is replaced. */
export function changedValue(dice: Dice, value: Value): Value {
  const root: Fields = { root: copyOf(value) }
  const changes = dice.between(1, VALUE_CHANGES_MAX)
  for (let change = 0; change < changes; change++) {
    const inner = root['root']
    if (typeof inner === 'object' && inner !== null && dice.below(24) > 0) changeValue(dice, inner)
    else root['root'] = dice.below(3) === 0 ? aValue(dice) : nearby(dice, inner as Value)
  }
  return root['root'] as Value
}

/** The bytes of CBOR or JSON with values changed inside; bytes of neither are changed as bytes. */
export function changeInside(dice: Dice, bytes: Uint8Array): Uint8Array {
  try {
    if (bytes[0] === FIRST_BYTE_JSON) return jsonBytes(dice, changedValue(dice, JSON.parse(textOf(bytes)) as Value))
    return encodeCbor(changedValue(dice, decodeCbor(bytes, { canonical: false })))
  } catch {
    // No longer what it was, or what was put in has no such form.
    return changeBytes(dice, bytes)
  }
}

/** One value inside changed to another of its kind: what checks forms lets it pass, what checks meaning must not. */
export function changeMeaning(dice: Dice, value: Value): Value {
  if (Array.isArray(value)) {
    const at = dice.below(value.length)
    return value.map((item: Value, index) => (index === at ? changeMeaning(dice, item) : item))
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return sibling(dice, value)
  const chosen = dice.pick(Object.keys(value))
  const pairs = Object.entries(value).map(([key, inner]) => [
    key,
    key === chosen ? changeMeaning(dice, inner as Value) : inner,
  ])
  return Object.fromEntries(pairs)
}

function sibling(dice: Dice, value: Value): Value {
  if (typeof value === 'number') return Math.max(0, value + dice.pick([-2, -1, 1, 2]))
  if (typeof value === 'boolean') return !value
  if (value instanceof Uint8Array) {
    const changed = value.slice()
    const at = dice.below(changed.length)
    if (changed.length > 0) changed[at] = (changed[at] as number) ^ (1 << dice.below(8))
    return dice.below(6) === 0 ? new Uint8Array(value.length) : changed
  }
  if (typeof value !== 'string') return value
  if (!/^-?[0-9]+$/.test(value)) return dice.below(2) === 0 ? `${value}x` : value.slice(1).toWellFormed()
  return dice.below(4) === 0 ? (-BigInt(value)).toString() : (BigInt(value) + BigInt(dice.pick([-1, 1]))).toString()
}

/** JSON of a value, in one of the ways in which other programs write it. */
export function jsonBytes(dice: Dice, value: Value): Uint8Array {
  return bytesOf(jsonText(dice, value))
}

function copyOf(value: Value): Value {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(copyOf)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)]))
}

/** Walks down at random and replaces, drops, adds or doubles something there. */
function changeValue(dice: Dice, at: Value | undefined): void {
  if (Array.isArray(at)) return changeList(dice, at)
  if (typeof at !== 'object' || at === null || at instanceof Uint8Array) return
  const fields = at as Fields
  const key = dice.pick(Object.keys(fields)) as string | undefined
  if (key === undefined || dice.below(10) === 0) {
    fields[dice.pick(['more', 'constructor', 'x', 'hash', 'bytes', 'head'])] = aValue(dice)
    return
  }
  const inner = fields[key]
  if (typeof inner === 'object' && inner !== null && dice.below(2) === 0) return changeValue(dice, inner)
  if (dice.below(6) === 0) delete fields[key]
  else fields[key] = dice.below(3) === 0 ? nearby(dice, inner as Value) : aValue(dice)
}

function changeList(dice: Dice, list: Value[]): void {
  const index = dice.below(list.length + 1)
  const inner = list[index]
  if (typeof inner === 'object' && dice.below(2) === 0) return changeValue(dice, inner)
  const change = dice.below(4)
  if (inner === undefined || change === 0) list.push(aValue(dice))
  else if (change === 1) list.splice(index, 1)
  else if (change === 2) list.splice(index, 0, inner)
  else list[index] = nearby(dice, inner)
}

/** A copy: what one request changes must not come back in the next. */
function aValue(dice: Dice): Value {
  return copyOf(dice.pick(VALUES))
}

/** A value of the same kind, beside the one that was there. */
function nearby(dice: Dice, value: Value): Value {
  if (typeof value === 'number') return Math.min(Math.max(-1, value + dice.between(-2, 2)), Number.MAX_SAFE_INTEGER)
  if (typeof value === 'string')
    return value.slice(0, dice.below(value.length + 1)).toWellFormed() + dice.pick(['', '0', 'f', '\u0000'])
  if (value instanceof Uint8Array) return changeBytes(dice, value)
  return typeof value === 'boolean' ? !value : aValue(dice)
}

/** JSON with a key twice, and two values: of two readers each may take another one. */
export function doubleKey(dice: Dice, bytes: Uint8Array): Uint8Array {
  const text = textOf(bytes)
  const [pair = '', name = '', value = ''] = dice.pick([...text.matchAll(KEY_AND_VALUE)]) ?? []
  const other = `"${name}":${dice.pick(['null', '0', '"0"', 'true', value])}`
  const at = text.indexOf(pair)
  const two = dice.below(2) === 0 ? `${other},${pair}` : `${pair},${other}`
  return pair === '' ? changeBytes(dice, bytes) : bytesOf(text.slice(0, at) + two + text.slice(at + pair.length))
}

/** A few bits, bytes and runs changed, dropped or doubled. */
export function changeBytes(dice: Dice, bytes: Uint8Array): Uint8Array {
  const changed = [...bytes]
  const changes = dice.between(1, BYTE_CHANGES_MAX)
  for (let change = 0; change < changes; change++) {
    const at = dice.below(changed.length + 1)
    const kind = dice.below(4)
    if (kind === 0) changed[Math.min(at, changed.length - 1)] = dice.pick(LOADED_BYTES)
    else if (kind === 1) changed[at] = (changed[at] ?? 0) ^ (1 << dice.below(8))
    else if (kind === 2) changed.splice(at, dice.below(8))
    else changed.splice(at, 0, ...changed.slice(at, at + dice.below(16)))
  }
  return Uint8Array.from(changed)
}

/** JSON as another program would write it: numbers with a point or an exponent, and spaces. */
function jsonText(dice: Dice, message: Value): string {
  const text = JSON.stringify(message, (_, value) => {
    if (value instanceof Uint8Array) return toHex(value)
    return typeof value === 'bigint' ? Number(value) : value
  })
  const kind = dice.below(12)
  if (kind === 0) return text.replace(/:(\d+)/, ':$1.0')
  if (kind === 1) return text.replace(/:(\d+)/, ':$1e0')
  if (kind === 2) return text.replace(/:0/, ':-0')
  return kind === 3 ? text.replaceAll(',', ' , ') : text
}
