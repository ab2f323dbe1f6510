/**
 * DER, as X.509 needs it: one form for each value, every length definite, shortest and within what holds it. Certificates
 * come from whoever carries the document; a reader that forgives bytes lets two readers see two certificates [N14].
 */
import { CodedError } from '../errors.ts'

export const BOOLEAN = 0x01
export const INTEGER = 0x02
export const BIT_STRING = 0x03
export const OCTET_STRING = 0x04
export const OBJECT_IDENTIFIER = 0x06
export const UTC_TIME = 0x17
export const GENERALIZED_TIME = 0x18
export const SEQUENCE = 0x30

const LONG_LENGTH = 0x80
/** A certificate has at most 1024 bytes: a length of more than two bytes leads out of it. */
const LENGTH_BYTES_MAX = 2
const HIGH_TAG = 0x1f
const TRUE = 0xff

export type DerReader = { readonly bytes: Uint8Array; at: number; readonly end: number }
/** One element; `whole` includes tag and length. */
export type Element = { readonly tag: number; readonly whole: Uint8Array; readonly content: DerReader }

export function newDerReader(bytes: Uint8Array): DerReader {
  // A Buffer's slice() would share memory with the caller: read through a plain array.
  return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0, end: bytes.length }
}

export function malformed(expected: string, got: string): CodedError {
  return new CodedError('ATTESTATION_CHAIN', `expected ${expected}, got ${got}`)
}

export function hasMore(reader: DerReader): boolean {
  return reader.at < reader.end
}

/** The tag of the next element; undefined at the end. */
export function nextTag(reader: DerReader): number | undefined {
  return hasMore(reader) ? reader.bytes[reader.at] : undefined
}

export function expectDone(reader: DerReader, what: string): void {
  if (hasMore(reader)) throw malformed(`the end of ${what}`, `${reader.end - reader.at} more bytes`)
}

export function readElement(reader: DerReader, tag: number, what: string): Element {
  const start = reader.at
  const found = readByte(reader, what)
  if (found !== tag || (tag & HIGH_TAG) === HIGH_TAG) throw malformed(`${what} with tag ${tag}`, `tag ${found}`)
  const length = readLength(reader, what)
  if (length > reader.end - reader.at) throw malformed(`${what} within what holds it`, `${length} bytes`)
  const content = { bytes: reader.bytes, at: reader.at, end: reader.at + length }
  reader.at = content.end
  return { tag, whole: reader.bytes.slice(start, content.end), content }
}

function readByte(reader: DerReader, what: string): number {
  if (!hasMore(reader)) throw malformed(what, 'the end')
  return reader.bytes[reader.at++] as number
}

function readLength(reader: DerReader, what: string): number {
  const first = readByte(reader, what)
  if (first < LONG_LENGTH) return first
  const width = first - LONG_LENGTH
  if (width < 1 || width > LENGTH_BYTES_MAX) throw malformed(`${what} of a short, definite length`, `length ${first}`)
  let length = 0
  for (let count = 0; count < width; count++) length = length * 256 + readByte(reader, what)
  if (length < (width === 1 ? LONG_LENGTH : 0x100)) throw malformed(`the shortest length of ${what}`, 'a longer one')
  return length
}

export function contentBytes({ content }: Element): Uint8Array {
  return content.bytes.slice(content.at, content.end)
}

/** A sequence read to its last byte. */
export function readSequence<T>(reader: DerReader, what: string, read: (inside: DerReader) => T): T {
  const { content } = readElement(reader, SEQUENCE, what)
  const value = read(content)
  expectDone(content, what)
  return value
}

/** A non-negative integer, without the zero that keeps it from being negative. */
export function readUnsigned(reader: DerReader, what: string): Uint8Array {
  const bytes = contentBytes(readElement(reader, INTEGER, what))
  const [first, second] = bytes
  if (first === undefined || first >= 0x80) throw malformed(`${what} as a number from 0`, 'another integer')
  if (first !== 0 || second === undefined) return bytes
  if (second < 0x80) throw malformed(`the shortest form of ${what}`, 'a longer one')
  return bytes.slice(1)
}

/** An integer of at most 255. */
export function readSmall(reader: DerReader, what: string): number {
  const bytes = readUnsigned(reader, what)
  if (bytes.length !== 1) throw malformed(`${what} of one byte`, `${bytes.length}`)
  return bytes[0] as number
}

/** DER writes a default by leaving it out: a written FALSE has no place in our fields. */
export function readTrue(reader: DerReader, what: string): true {
  const bytes = contentBytes(readElement(reader, BOOLEAN, what))
  if (bytes.length !== 1 || bytes[0] !== TRUE) throw malformed(`TRUE as ${what}`, 'another value')
  return true
}

export type BitString = { readonly bytes: Uint8Array; readonly unusedBits: number }

export function readBitString(reader: DerReader, what: string): BitString {
  const content = contentBytes(readElement(reader, BIT_STRING, what))
  const unusedBits = content[0]
  const bytes = content.slice(1)
  if (unusedBits === undefined || unusedBits > 7 || (bytes.length === 0 && unusedBits > 0))
    throw malformed(`${what} as bits`, 'none')
  const last = bytes.at(-1) ?? 0
  if ((last & ((1 << unusedBits) - 1)) !== 0) throw malformed(`zeros in the unused bits of ${what}`, 'ones')
  return { bytes, unusedBits }
}

const UTC_FORM = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const GENERALIZED_FORM = /^(\d\d\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
/** RFC 5280: two digits from 50 on belong to the last century. */
const UTC_PIVOT = '50'

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime, in the one form of RFC 5280: to the second, ending in Z. */
export function readTimeMs(reader: DerReader, what: string): number {
  const isUtc = nextTag(reader) === UTC_TIME
  const bytes = contentBytes(readElement(reader, isUtc ? UTC_TIME : GENERALIZED_TIME, what))
  const text = String.fromCharCode(...bytes)
  const [, year, month, day, hour, minute, second] = (isUtc ? UTC_FORM : GENERALIZED_FORM).exec(text) ?? []
  if (year === undefined) throw malformed(`${what} to the second, in UTC`, JSON.stringify(text))
  const century = !isUtc ? '' : year >= UTC_PIVOT ? '19' : '20'
  const date = `${century}${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const timeMs = Date.parse(date)
  // What the parser lets roll over: a day that the month does not have, and the hour 24.
  const isOnCalendar = Number(day) <= daysOf(Number(`${century}${year}`), Number(month)) && Number(hour) <= HOUR_MAX
  if (Number.isNaN(timeMs) || !isOnCalendar) throw malformed(`${what} on the calendar`, date)
  return timeMs
}

const HOUR_MAX = 23
const FEBRUARY = 2
const MONTHS_OF_30 = [4, 6, 9, 11]

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (month === FEBRUARY) return isLeap ? 29 : 28
  return MONTHS_OF_30.includes(month) ? 30 : 31
}
