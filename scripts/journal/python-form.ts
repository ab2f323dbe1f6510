/** How the replaced host wrote its journal: Python's json and Decimal, byte for byte. */

/** A value as Python's Decimal holds it: coefficient × 10^exponent. `0.0504` and `0.05040` differ in form. */
export type Decimal = { readonly coefficient: bigint; readonly exponent: number }

/** What Python writes as JSON. An array of pairs is an object in that very order. */
export type PythonValue = string | number | boolean | null | Pairs
export type Pairs = readonly (readonly [string, PythonValue])[]

/** Digits that Python's default context keeps of a sum. */
const PRECISION_DIGITS = 28
/** Below this power of ten Decimal prints an exponent. */
const FIXED_POWER_MIN = -6
const MICROS_PER_SECOND = 1_000_000n

/** str(Decimal): `0.05`, `5.353596E-8`, `0E-18`, `1E+3`. */
export function decimalText({ coefficient, exponent }: Decimal): string {
  const sign = coefficient < 0n ? '-' : ''
  const digits = (coefficient < 0n ? -coefficient : coefficient).toString()
  const power = exponent + digits.length - 1
  if (exponent <= 0 && power >= FIXED_POWER_MIN) return sign + fixed(digits, exponent)
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  return `${sign}${digits[0]}${fraction}E${power < 0 ? '-' : '+'}${Math.abs(power)}`
}

/** Decimal.__add__ under the default context: the finer exponent, at most 28 digits, halves to even. */
export function addDecimal(left: Decimal, right: Decimal): Decimal {
  const exponent = Math.min(left.exponent, right.exponent)
  const scaled = (value: Decimal) => value.coefficient * 10n ** BigInt(value.exponent - exponent)
  return rounded({ coefficient: scaled(left) + scaled(right), exponent })
}

/** datetime.isoformat() in UTC: six digits of microseconds, none at all when they are zero. */
export function timestampText(atMicros: bigint): string {
  const seconds = atMicros / MICROS_PER_SECOND
  const micros = atMicros % MICROS_PER_SECOND
  const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19)
  return `${whole}${micros === 0n ? '' : `.${micros.toString().padStart(6, '0')}`}+00:00`
}

/** json.dumps(value, separators=(',', ':')): compact, insertion order, everything beyond ASCII escaped. */
export function pythonJson(value: PythonValue): string {
  if (typeof value === 'string') return quoted(value)
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  return `{${value.map(([key, inner]) => `${quoted(key)}:${pythonJson(inner)}`).join(',')}}`
}

function quoted(text: string): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  // One UTF-16 unit at a time: a character outside the first plane becomes a pair of surrogates, as in Python.
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => (unit === '\u007f' ? unit : escaped(unit)))
}

function fixed(digits: string, exponent: number): string {
  if (exponent === 0) return digits
  const padded = digits.padStart(1 - exponent, '0')
  return `${padded.slice(0, exponent)}.${padded.slice(exponent)}`
}

function rounded(value: Decimal): Decimal {
  const negative = value.coefficient < 0n
  const size = negative ? -value.coefficient : value.coefficient
  const surplus = size.toString().length - PRECISION_DIGITS
  if (surplus <= 0) return value
  const unit = 10n ** BigInt(surplus)
  const [quotient, rest] = [size / unit, (size % unit) * 2n]
  const up = rest > unit || (rest === unit && quotient % 2n === 1n)
  const coefficient = quotient + (up ? 1n : 0n)
  return { coefficient: negative ? -coefficient : coefficient, exponent: value.exponent + surplus }
}
