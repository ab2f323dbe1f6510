/** Money is a branded bigint in wei. Nothing here knows a float. */
import { assert, CodedError } from './errors.ts'

declare const weiBrand: unique symbol
export type Wei = bigint & { readonly [weiBrand]: 'Wei' }

/** One credit, and one payout, is below 2^96 wei (protocol section 3). */
export const AMOUNT_WEI_LIMIT = 2n ** 96n
/** The sum of all credits is below 2^127 wei. */
export const LEDGER_WEI_LIMIT = 2n ** 127n
const U128_LIMIT = 2n ** 128n

export const ZERO_WEI = 0n as Wei
/** wei has 18 decimals below one ether. */
const ETHER_DECIMALS = 18
/** `amount` of a journal line: at most this many characters, exponent within ±40 (protocol section 6). */
export const AMOUNT_CHARACTERS_MAX = 64
export const AMOUNT_EXPONENT_MAX = 40

/** Brands a value that is already known to be an amount: 0 ≤ value < 2^128. */
export function wei(value: bigint): Wei {
  assert(value >= 0n && value < U128_LIMIT, 'an amount of wei is a u128')
  return value as Wei
}

export function addWei(left: Wei, right: Wei): Wei {
  return wei(left + right)
}

/** left − right; the caller has checked that it does not go below zero. */
export function subWei(left: Wei, right: Wei): Wei {
  return wei(left - right)
}

const CANONICAL_WEI = /^(0|[1-9][0-9]{0,38})$/

/** Canonical decimal text (no sign, no leading zero) below 2^128 to wei. Refuses WEI_SYNTAX. */
export function parseWei(text: string): Wei {
  const value = CANONICAL_WEI.test(text) ? BigInt(text) : undefined
  if (value === undefined || value >= U128_LIMIT) {
    throw new CodedError('WEI_SYNTAX', `expected wei as canonical decimal text below 2^128, got ${quote(text)}`)
  }
  return value as Wei
}

const AMOUNT_FORM = /^([+-]?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?$/

/**
 * Decimal text of ether, as Python's Decimal prints it, to signed whole wei, cut towards zero.
 * At most 64 characters, exponent within ±40. Refuses AMOUNT_SYNTAX, before anything is expanded.
 */
export function parseEther(text: string): bigint {
  const form = text.length <= AMOUNT_CHARACTERS_MAX ? AMOUNT_FORM.exec(text) : null
  const exponent = form === null ? 0 : Number.parseInt(form[4] ?? '0', 10)
  if (form === null || Math.abs(exponent) > AMOUNT_EXPONENT_MAX) {
    throw new CodedError(
      'AMOUNT_SYNTAX',
      `expected decimal ether of at most 64 characters, exponent within ±40, got ${quote(text)}`,
    )
  }
  const [, sign, whole = '', fraction = ''] = form
  const shift = exponent + ETHER_DECIMALS - fraction.length
  const digits = BigInt(whole + fraction)
  const size = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift)
  return sign === '-' ? -size : size
}

const PLAIN_ETHER = /^[0-9]+(?:\.[0-9]+)?$/
const PLAIN_CHARACTERS_MAX = 32
const POWERS_OF_TEN = Array.from({ length: ETHER_DECIMALS + 1 }, (_, power) => 10n ** BigInt(power))

/**
 * The wei of ether as nearly every journal line has it: no sign, no exponent, at most 32 characters and 18 decimals. For
 * any other text undefined: parseEther's, which takes thrice as long. A test holds the two equal.
 */
export function plainEther(text: string): bigint | undefined {
  if (text.length > PLAIN_CHARACTERS_MAX || !PLAIN_ETHER.test(text)) return undefined
  const point = text.indexOf('.')
  const [whole, fraction] = point < 0 ? [text, ''] : [text.slice(0, point), text.slice(point + 1)]
  const missing = POWERS_OF_TEN[ETHER_DECIMALS - fraction.length]
  return missing === undefined ? undefined : BigInt(whole + fraction) * missing
}

/** True when two texts of ether, as parseEther reads them, have the same value before any cut. Refuses AMOUNT_SYNTAX. */
export function sameEther(left: string, right: string): boolean {
  if (left === right) return parseEther(left) === parseEther(right)
  return scaled(left) === scaled(right)
}

/** Wei as ether with up to 18 decimals, no trailing zeros: for people, never parsed again. */
export function formatEther(value: bigint): string {
  const size = value < 0n ? -value : value
  const text = size.toString().padStart(ETHER_DECIMALS + 1, '0')
  const fraction = text.slice(-ETHER_DECIMALS).replace(/0+$/, '')
  const whole = text.slice(0, -ETHER_DECIMALS)
  return `${value < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** The value times 10^104: 64 fraction digits and an exponent of −40 still leave a whole number. */
function scaled(text: string): bigint {
  parseEther(text)
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('+', '').split('.')
  const places = AMOUNT_CHARACTERS_MAX + AMOUNT_EXPONENT_MAX - fraction.length + Number.parseInt(exponent, 10)
  return BigInt(whole + fraction) * 10n ** BigInt(places)
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, AMOUNT_CHARACTERS_MAX))
}
