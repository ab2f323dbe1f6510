/** Standard base64 with padding (RFC 4648 section 4), in its one canonical form: a root has one spelling only. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const FORM = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const VALUES: ReadonlyMap<string, number> = new Map(Array.from(ALPHABET, (letter, value) => [letter, value]))

export function encodeBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) text += quartet(bytes, at)
  return text
}

function quartet(bytes: Uint8Array, at: number): string {
  const bits = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
  const letters = [18, 12, 6, 0].map((shift) => ALPHABET[(bits >> shift) & 63]).join('')
  const kept = Math.min(3, bytes.length - at) + 1
  return letters.slice(0, kept).padEnd(4, '=')
}

/** The bytes, or undefined for anything but the canonical form: other letters, white space, missing padding, loose bits. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!FORM.test(text)) return undefined
  const letters = text.replace(/=+$/, '')
  const bytes = new Uint8Array(Math.floor((letters.length * 3) / 4))
  let bits = 0
  let held = 0
  let to = 0
  for (const letter of letters) {
    bits = ((bits << 6) | (VALUES.get(letter) ?? 0)) & 0xffff
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[to++] = bits >> held
  }
  return (bits & ((1 << held) - 1)) === 0 ? bytes : undefined
}
