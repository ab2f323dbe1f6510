/** Ether text to wei, by moving the decimal point in the text itself (protocol section 6). Shares nothing with the enclave's way. */

const CHARACTERS_MAX = 64
const EXPONENT_MAX = 40
const ETHER_DECIMALS = 18
const FORM = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/

/** Signed whole wei, cut towards zero; null when the text is no such amount. */
export function weiOfEtherText(text: string): bigint | null {
  const parts = text.length <= CHARACTERS_MAX ? FORM.exec(text) : null
  if (parts === null) return null
  const [, sign, whole = '', fraction = '', exponentText = '0'] = parts
  const exponent = Number.parseInt(exponentText, 10)
  if (exponent < -EXPONENT_MAX || exponent > EXPONENT_MAX) return null
  const digits = whole + fraction
  const point = whole.length + exponent + ETHER_DECIMALS
  const kept = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0')
  return sign === '-' ? -BigInt(kept) : BigInt(kept)
}
