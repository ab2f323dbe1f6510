/** EIP-55: the case of an address's letters is its checksum. */
import { keccak256 } from './hash.ts'
import { toHex } from './ids.ts'
import { utf8 } from './words.ts'

const PREFIX_CHARACTERS = 2
const UPPER_FROM_NIBBLE = 8

/** False for an address in mixed case whose checksum is wrong: a typing error that would lock a balance up [S19]. */
export function isChecksummed(address: string): boolean {
  const letters = address.slice(PREFIX_CHARACTERS)
  const lower = letters.toLowerCase()
  if (letters === lower || letters === letters.toUpperCase()) return true
  const hash = toHex(keccak256(utf8(lower)))
  return [...letters].every((letter, at) => {
    const upper = Number.parseInt(hash[PREFIX_CHARACTERS + at] ?? '0', 16) >= UPPER_FROM_NIBBLE
    return letter === (upper ? letter.toUpperCase() : letter.toLowerCase())
  })
}
