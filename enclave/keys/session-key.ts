/** The session key: drawn at boot, held in one closure, gone with the process. Nothing seals, logs or exports it. */
import { timingSafeEqual } from 'node:crypto'
import { assert, CodedError } from '../protocol/errors.ts'
import { keccak256 } from '../protocol/hash.ts'
import type { Address } from '../protocol/ids.ts'
import { addressOf, isPrivateKey, PRIVATE_KEY_BYTES, type Signature, sign } from './secp256k1.ts'

/** Random bytes, which whoever drew a key wipes: `shell/entropy.ts` in the enclave, a seeded source in tests. */
export type Entropy = (bytes: number) => Uint8Array

export type SessionKey = {
  readonly address: Address
  /** Signs the 32-byte EIP-712 digest of a Commit or a Receipt. */
  readonly sign: (digest: Uint8Array) => Signature
  /** True when these are the key's bytes: lets boot compare keys without handing this one out. */
  readonly sameAs: (key: Uint8Array) => boolean
}

/** A draw fails with probability 2^-128; a source that fails more often is broken. */
const KEY_DRAWS_MAX = 4

/** Draws a fresh session key. Called once per boot, before anything else. */
export function newSessionKey(entropy: Entropy): SessionKey {
  const key = drawPrivateKey(entropy)
  return {
    address: addressOf(key),
    sign: (digest) => sign(digest, key),
    sameAs: (other) => sameBytes(key, other),
  }
}

/** A private key of secp256k1 from `entropy`: uniform, since values out of range are drawn again. */
export function drawPrivateKey(entropy: Entropy): Uint8Array {
  for (let draw = 1; draw <= KEY_DRAWS_MAX; draw++) {
    const key = drawSecret(entropy, PRIVATE_KEY_BYTES)
    if (isPrivateKey(key)) return key
  }
  assert(false, `${KEY_DRAWS_MAX} draws give a private key`)
}

/** A secret whose only copy is the caller's: neither the source's next draw nor what it keeps of this one touches it. */
export function drawSecret(entropy: Entropy, bytes: number): Uint8Array {
  const drawn = entropy(bytes)
  const secret = Uint8Array.from(drawn)
  drawn.fill(0)
  return secret
}

/**
 * Refuses KEY_CIPHERTEXT when authority, state and session key are not independent: two are equal, or the state key is
 * the hash of the authority key, as the replaced system had it (threat S5: one key learnt, all learnt).
 */
export function refuseRelatedKeys(authorityKey: Uint8Array, stateKey: Uint8Array, session: SessionKey): void {
  const related =
    sameBytes(authorityKey, stateKey) ||
    session.sameAs(authorityKey) ||
    session.sameAs(stateKey) ||
    sameBytes(keccak256(authorityKey), stateKey)
  if (related) {
    throw new CodedError('KEY_CIPHERTEXT', 'expected independent authority, state and session keys, got related ones')
  }
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
