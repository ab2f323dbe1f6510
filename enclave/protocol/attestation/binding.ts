/** What a document of ours vouches for, held against what the verifier knows from the chain and the header [N18, S37]. */
import { refuse } from '../errors.ts'
import { toHex } from '../ids.ts'
import { bytesEqual } from '../words.ts'
import { decodeUserData, type UserData } from './user-data.ts'

/** Said where a verifier does not know a value: nothing is left out by accident. */
export const UNCHECKED = 'unchecked'
export type Unchecked = typeof UNCHECKED

/** Every field of user_data but the version, which is the reader's own. */
export type ExpectedUserData = {
  readonly [K in Exclude<keyof UserData, 'v'>]: UserData[K] | Unchecked
}

export type ExpectedBinding = {
  readonly userData: ExpectedUserData
  /** SPKI DER of the boot's RSA-2048 recipient key. */
  readonly publicKey: Uint8Array | Unchecked
}

export const BOUND_FIELDS = [
  'role',
  'chainId',
  'anchor',
  'config',
  'authority',
  'policyHash',
  'head',
  'epoch',
  'session',
  'credits',
] as const satisfies readonly (keyof ExpectedUserData)[]

/** Refuses ATTESTATION_EXPECTATION where a field is neither given nor said to be unchecked. */
export function checkExpectedBinding({ userData, publicKey }: ExpectedBinding): void {
  for (const field of BOUND_FIELDS)
    if (userData[field] === undefined)
      refuse('ATTESTATION_EXPECTATION', `a value for ${field}, or ${UNCHECKED}`, 'nothing')
  if (publicKey !== UNCHECKED && !(publicKey instanceof Uint8Array))
    refuse('ATTESTATION_EXPECTATION', `bytes of public_key, or ${UNCHECKED}`, 'nothing')
}

/**
 * What user_data says, once its bytes are the deterministic ones and every field equals the expected one, public_key
 * included. Refuses ATTESTATION_BINDING with the field: a value inside another one is another value.
 */
export function checkBinding(
  userData: Uint8Array | null,
  publicKey: Uint8Array | null,
  expected: ExpectedBinding,
): UserData {
  checkExpectedBinding(expected)
  if (userData === null) return refuse('ATTESTATION_BINDING', 'user_data', 'none')
  const found = decodeUserData(userData)
  for (const field of BOUND_FIELDS) {
    const value = expected.userData[field]
    if (value !== UNCHECKED && value !== found[field])
      refuse('ATTESTATION_BINDING', `${field} ${value ?? 'null'}`, `${found[field] ?? 'null'}`)
  }
  checkPublicKey(publicKey, expected.publicKey)
  return found
}

function checkPublicKey(found: Uint8Array | null, expected: Uint8Array | Unchecked): void {
  if (expected === UNCHECKED || (found !== null && bytesEqual(found, expected))) return
  refuse('ATTESTATION_BINDING', `public_key ${toHex(expected)}`, found === null ? 'none' : toHex(found))
}
