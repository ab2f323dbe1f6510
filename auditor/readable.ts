/**
 * Text for people, whatever stands in it. Ids, logs and files of others end up on a terminal, and whoever wrote them must not
 * be able to wipe what stands above, to turn the order of letters round, or to write a verdict of his own.
 */

/** Controls, marks of direction, and separators that some show as new lines. */
const STEERING = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu
const HEX_DIGITS = 4

/** Each such character as JSON escapes it, so that JSON stays what it was; newlines are ours and stay. */
export function readable(text: string): string {
  return text.replace(STEERING, (sign) => (sign === '\n' ? sign : `\\u${hexOf(sign)}`))
}

function hexOf(sign: string): string {
  return sign.charCodeAt(0).toString(16).padStart(HEX_DIGITS, '0')
}
