/** EIP-712 digests under the one domain of a ledger. Structs here are flat: value types, and strings as their hash. */
import { keccak256 } from './hash.ts'
import type { Address, Hash } from './ids.ts'
import { toHash } from './ids.ts'
import { addressWord, concatBytes, uintWord, utf8 } from './words.ts'

const DOMAIN_TYPE = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'
const DOMAIN_NAME = 'Anchorhold'
const DOMAIN_VERSION = '1'
const DIGEST_PREFIX = Uint8Array.of(0x19, 0x01)

export type Ledger = { readonly chainId: number; readonly anchor: Address }

const typeHashes = new Map<string, Uint8Array>()

function typeHash(type: string): Uint8Array {
  const known = typeHashes.get(type)
  if (known !== undefined) return known
  const hash = keccak256(utf8(type))
  typeHashes.set(type, hash)
  return hash
}

/** hashStruct of a flat struct: `words` are its fields in the order of `type`, 32 bytes each. EIP-712. */
export function structHash(type: string, words: readonly Uint8Array[]): Uint8Array {
  return keccak256(concatBytes(typeHash(type), ...words))
}

/** A `string` member of a struct. */
export function stringWord(text: string): Uint8Array {
  return keccak256(utf8(text))
}

/** {name: "Anchorhold", version: "1", chainId, verifyingContract: anchor}: protocol section 4. */
export function domainSeparator(ledger: Ledger): Uint8Array {
  return structHash(DOMAIN_TYPE, [
    stringWord(DOMAIN_NAME),
    stringWord(DOMAIN_VERSION),
    uintWord(ledger.chainId),
    addressWord(ledger.anchor),
  ])
}

/** The 32 bytes that are signed for a struct under a ledger's domain. */
export function typedDigest(ledger: Ledger, struct: Uint8Array): Uint8Array {
  return keccak256(concatBytes(DIGEST_PREFIX, domainSeparator(ledger), struct))
}

/** keccak256(abi.encode(uint256 chainId, address anchor)): known before any key exists; never changes. */
export function ledgerIdOf(ledger: Ledger): Hash {
  return toHash(keccak256(concatBytes(uintWord(ledger.chainId), addressWord(ledger.anchor))))
}
