/**
 * The lines of an honest journal, read in one pass over their bytes: compact JSON in ASCII, no escapes in its keys.
 * Whatever else a line may be is left to the strict reader (protocol/strict-json.ts), which alone says what is wrong with
 * it. A test holds the two equal wherever this one answers.
 */

/** What the ledger reads of a line: the text of each field, undefined for one that is not there. */
export type LineFields = {
  readonly event: string | undefined
  readonly orchestrator_id: string | undefined
  readonly amount: string | undefined
  readonly delta: string | undefined
  readonly reason: string | undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN = 0x7b
const CLOSE = 0x7d
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const SPACE = 0x20
const DELETE = 0x7f
/** Instead of a position: this line is for the strict reader. */
const NOT_PLAIN = -1
const PLAIN_DEPTH_MAX = 4
/** Of one object: each is compared with those before it. */
const PLAIN_KEYS_MAX = 32
const PART_BYTES_MAX = 256

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const NAMES = ['event', 'orchestrator_id', 'amount', 'delta', 'reason'].map((name) => encoder.encode(name))
const NAME_LENGTHS = NAMES.reduce((bits, { length }) => bits | lengthBit(length), 0)
const [EVENT, ID, AMOUNT, DELTA, REASON] = [0, 1, 2, 3, 4] as const
const CREDIT = 'credit'
const CREDIT_BYTES = encoder.encode(CREDIT)
const LITERALS = ['true', 'false', 'null'].map((literal) => encoder.encode(literal))
const PROTO = encoder.encode('__proto__')
/** By byte: 0 for one that stands for itself in a text. A line's newline is none, so that no pass leaves the line. */
const STOPS = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < SPACE || byte >= DELETE || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
)
/** What may follow a backslash, but for u and its four digits. */
const ESCAPED = encoder.encode('"\\/bfnrt')
const LETTER_U = 0x75
const HEX_DIGITS = encoder.encode('0123456789abcdefABCDEF')
const HEX_DIGITS_PER_ESCAPE = 4

/** Laid out here, since only one line is read at a time. Where the texts of NAMES start and end; 0 for one that is not there. */
const textStarts = new Uint32Array(NAMES.length)
const textEnds = new Uint32Array(NAMES.length)
/** Where the keys of the open objects start and end, PLAIN_KEYS_MAX a level. */
const keyStarts = new Uint32Array(PLAIN_DEPTH_MAX * PLAIN_KEYS_MAX)
const keyEnds = new Uint32Array(PLAIN_DEPTH_MAX * PLAIN_KEYS_MAX)

/** The fields of a line that ends in its newline, or undefined for a line that is not plain. */
export function readPlainLine(line: Uint8Array): LineFields | undefined {
  textStarts.fill(0)
  const end = passObject(line, 0, 0)
  if (end === NOT_PLAIN || end !== line.length - 1) return undefined
  const part = partWithTexts(line)
  const amount = textOf(line, part, AMOUNT)
  return {
    event: isText(line, EVENT, CREDIT_BYTES) ? CREDIT : textOf(line, part, EVENT),
    orchestrator_id: textOf(line, part, ID),
    amount,
    delta: isAmountAgain(line) ? amount : textOf(line, part, DELTA),
    reason: textOf(line, part, REASON),
  }
}

/** A piece of the line as text, from byte `start` on. */
type Part = { readonly text: string; readonly start: number }

/**
 * What the texts lie in, where that is short: to decode a piece costs the same whatever its length. A text that is kept
 * keeps its piece in memory, so that a long one would be a way to fill it.
 */
function partWithTexts(line: Uint8Array): Part | undefined {
  let start = line.length
  let end = 0
  for (let field = 0; field < NAMES.length; field++) {
    if (textStarts[field] === 0) continue
    start = Math.min(start, textStarts[field] as number)
    end = Math.max(end, textEnds[field] as number)
  }
  return end - start > PART_BYTES_MAX || end < start
    ? undefined
    : { text: decoder.decode(line.subarray(start, end)), start }
}

function textOf(line: Uint8Array, part: Part | undefined, field: number): string | undefined {
  const [start, end] = [textStarts[field] as number, textEnds[field] as number]
  if (start === 0) return undefined
  const text =
    part === undefined
      ? decoder.decode(line.subarray(start, end))
      : part.text.slice(start - part.start, end - part.start)
  return text.includes('\\') ? JSON.parse(`"${text}"`) : text
}

function isText(line: Uint8Array, field: number, text: Uint8Array): boolean {
  return isAt(line, textStarts[field] as number, textEnds[field] as number, text)
}

/** Honest lines say every amount twice. */
function isAmountAgain(line: Uint8Array): boolean {
  const [start, deltaStart] = [textStarts[AMOUNT] as number, textStarts[DELTA] as number]
  if (start === 0 || deltaStart === 0) return false
  return isSame(line, start, textEnds[AMOUNT] as number, deltaStart, textEnds[DELTA] as number)
}

/** Each pass gives the position after what starts at `start`, or NOT_PLAIN. */
function passObject(bytes: Uint8Array, start: number, level: number): number {
  if (bytes[start] !== OPEN || level >= PLAIN_DEPTH_MAX) return NOT_PLAIN
  if (bytes[start + 1] === CLOSE) return start + 2
  let at = start + 1
  let lengths = 0
  for (let count = 0; count < PLAIN_KEYS_MAX; count++) {
    const keyStart = at + 1
    const keyEnd = passPlainText(bytes, at) - 1
    if (bytes[keyEnd + 1] !== COLON) return NOT_PLAIN
    const length = lengthBit(keyEnd - keyStart)
    const known = (lengths & length) === 0 ? 0 : count
    if (!isNewKey(bytes, keyStart, keyEnd, level, count, known)) return NOT_PLAIN
    lengths |= length
    const valueStart = keyEnd + 2
    const valueEnd = passValue(bytes, valueStart, level)
    if (level === 0 && (NAME_LENGTHS & length) !== 0 && !note(bytes, keyStart, keyEnd, valueStart, valueEnd))
      return NOT_PLAIN
    if (bytes[valueEnd] === CLOSE) return valueEnd + 1
    if (bytes[valueEnd] !== COMMA) return NOT_PLAIN
    at = valueEnd + 1
  }
  return NOT_PLAIN
}

function passValue(bytes: Uint8Array, start: number, level: number): number {
  const first = bytes[start] as number
  if (first === QUOTE) return passText(bytes, start)
  if (first === OPEN) return passObject(bytes, start, level + 1)
  if (first === MINUS || isDigit(first)) return passNumber(bytes, start)
  for (const literal of LITERALS) if (isAt(bytes, start, start + literal.length, literal)) return start + literal.length
  return NOT_PLAIN
}

/** Text without an escape. Keys are compared by their bytes, so that none may be spelt in two ways. */
function passPlainText(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== QUOTE) return NOT_PLAIN
  let at = start + 1
  while (STOPS[bytes[at] as number] === 0) at++
  return bytes[at] === QUOTE ? at + 1 : NOT_PLAIN
}

function passText(bytes: Uint8Array, start: number): number {
  let at = start + 1
  while (at > start && at < bytes.length) {
    while (STOPS[bytes[at] as number] === 0) at++
    if (bytes[at] === QUOTE) return at + 1
    at = bytes[at] === BACKSLASH ? passEscape(bytes, at + 1) : NOT_PLAIN
  }
  return NOT_PLAIN
}

function passEscape(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== LETTER_U) return ESCAPED.includes(bytes[start] as number) ? start + 1 : NOT_PLAIN
  for (let digit = 1; digit <= HEX_DIGITS_PER_ESCAPE; digit++) {
    if (!HEX_DIGITS.includes(bytes[start + digit] as number)) return NOT_PLAIN
  }
  return start + 1 + HEX_DIGITS_PER_ESCAPE
}

/** Digits, perhaps a sign before them and a fraction after them. */
function passNumber(bytes: Uint8Array, start: number): number {
  const whole = bytes[start] === MINUS ? start + 1 : start
  const end = passDigits(bytes, whole)
  if (end === whole || (bytes[whole] === ZERO && end > whole + 1)) return NOT_PLAIN
  if (bytes[end] !== POINT) return end
  const fractionEnd = passDigits(bytes, end + 1)
  return fractionEnd === end + 1 ? NOT_PLAIN : fractionEnd
}

function passDigits(bytes: Uint8Array, start: number): number {
  let at = start
  while (isDigit(bytes[at] as number)) at++
  return at
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

/** A bit for each length of a text: two texts that have none in common are no equals, and need not be compared. */
function lengthBit(length: number): number {
  return 1 << (length % 32)
}

/**
 * Remembers key `count` of the object. False for one that stands among its first `known` keys, and for one that an object
 * has of itself.
 */
function isNewKey(bytes: Uint8Array, start: number, end: number, level: number, count: number, known: number): boolean {
  const first = level * PLAIN_KEYS_MAX
  for (let at = first; at < first + known; at++) {
    if (isSame(bytes, keyStarts[at] as number, keyEnds[at] as number, start, end)) return false
  }
  keyStarts[first + count] = start
  keyEnds[first + count] = end
  return !isAt(bytes, start, end, PROTO)
}

function isSame(bytes: Uint8Array, left: number, leftEnd: number, right: number, rightEnd: number): boolean {
  if (leftEnd - left !== rightEnd - right) return false
  for (let at = 0; at < rightEnd - right; at++) if (bytes[left + at] !== bytes[right + at]) return false
  return true
}

function isAt(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start !== text.length) return false
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text[at]) return false
  return true
}

/** Remembers where a text stands that the ledger reads. False for another value: the strict reader's. */
function note(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): boolean {
  for (let field = 0; field < NAMES.length; field++) {
    if (!isAt(bytes, keyStart, keyEnd, NAMES[field] as Uint8Array)) continue
    if (bytes[valueStart] !== QUOTE || valueEnd === NOT_PLAIN) return false
    textStarts[field] = valueStart + 1
    textEnds[field] = valueEnd - 1
  }
  return true
}
