/** DER (X.690) as far as our own certificates need it: the writer of a development machine, never a reader. */
import { assert } from '../protocol/errors.ts'
import { concatBytes } from '../protocol/words.ts'

const BOOLEAN = 0x01
const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT_IDENTIFIER = 0x06
const UTF8_STRING = 0x0c
const PRINTABLE_STRING = 0x13
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const SEQUENCE = 0x30
const SET = 0x31
const CONTEXT = 0x80
const CONSTRUCTED = 0x20

const SHORT_LENGTH_MAX = 0x7f
const BASE_128_MORE = 0x80
const TRUE = 0xff
/** Dates from here on do not fit two digits of a year (RFC 5280 section 4.1.2.5). */
const GENERALIZED_FROM_MS = Date.UTC(2050, 0)

const encoder = new TextEncoder()

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(SEQUENCE, concatBytes(...parts))
}

export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return element(SET, concatBytes(...parts))
}

/** An integer that is not negative, given as its big-endian bytes; zeros in front are dropped, a sign byte is added. */
export function integer(bytes: Uint8Array): Uint8Array {
  const from = bytes.findIndex((byte) => byte !== 0)
  const size = from < 0 ? Uint8Array.of(0) : bytes.subarray(from)
  const isNegativeLooking = (size[0] as number) > SHORT_LENGTH_MAX
  return element(INTEGER, isNegativeLooking ? concatBytes(Uint8Array.of(0), size) : size)
}

/** An object identifier in dotted form. */
export function identifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map((arc) => Number.parseInt(arc, 10))
  return element(OBJECT_IDENTIFIER, concatBytes(...[first * 40 + second, ...rest].map(base128)))
}

export function utf8Text(text: string): Uint8Array {
  return element(UTF8_STRING, encoder.encode(text))
}

export function printableText(text: string): Uint8Array {
  return element(PRINTABLE_STRING, encoder.encode(text))
}

export function truth(): Uint8Array {
  return element(BOOLEAN, Uint8Array.of(TRUE))
}

export function octets(bytes: Uint8Array): Uint8Array {
  return element(OCTET_STRING, bytes)
}

/** Whole bytes, the lowest `unusedBits` bits of the last one left out. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return element(BIT_STRING, concatBytes(Uint8Array.of(unusedBits), bytes))
}

/** [number], around whole elements. */
export function explicit(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return element(CONTEXT | CONSTRUCTED | number, concatBytes(...parts))
}

/** [number] in place of the tag of a string. */
export function implicit(number: number, bytes: Uint8Array): Uint8Array {
  return element(CONTEXT | number, bytes)
}

/** A time in whole seconds: the short form until 2049, the long one after it. */
export function time(atMs: number): Uint8Array {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  const isLong = atMs >= GENERALIZED_FROM_MS
  return element(isLong ? GENERALIZED_TIME : UTC_TIME, encoder.encode(isLong ? digits : digits.slice(2)))
}

function element(tag: number, content: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(tag), lengthOf(content), content)
}

function lengthOf({ length }: Uint8Array): Uint8Array {
  if (length <= SHORT_LENGTH_MAX) return Uint8Array.of(length)
  if (length <= 0xff) return Uint8Array.of(0x81, length)
  assert(length <= 0xffff, 'nothing of a certificate is longer than 64 KiB')
  return Uint8Array.of(0x82, length >> 8, length & 0xff)
}

function base128(arc: number): Uint8Array {
  const digits = [arc & SHORT_LENGTH_MAX]
  for (let rest = arc >> 7; rest > 0; rest >>= 7) digits.unshift((rest & SHORT_LENGTH_MAX) | BASE_128_MORE)
  return Uint8Array.from(digits)
}
