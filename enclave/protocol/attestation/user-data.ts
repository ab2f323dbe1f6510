/**
 * What a document of ours says in `user_data`, and the digests that name an image, a locked configuration and a document.
 * It binds all that a verifier must know [S37]; a field that is not known yet is null and never left out, so that nothing
 * can be forgotten without being seen.
 */
import { decodeCbor, encodeCbor } from '../cbor.ts'
import { address, type Decoded, decodeWith, hash, nullable, oneOf, struct, uint } from '../codec.ts'
import { assert, CodedError, isCoded, refuse } from '../errors.ts'
import { keccak256 } from '../hash.ts'
import { EPOCH_MAX } from '../header.ts'
import { fromHex, type Hash, toHash } from '../ids.ts'
import { bytesEqual, concatBytes } from '../words.ts'
import { readEnvelope } from './envelope.ts'
import { SHA384_BYTES, sha384 } from './p384.ts'

export const USER_DATA_VERSION = 1
/** What AWS's text allows. Foreign documents are read up to 1024. */
export const USER_DATA_BYTES_MAX = 512

/** Deterministic CBOR (RFC 8949 section 4.2.1) with these keys and no others. */
const userDataCodec = struct({
  v: uint(USER_DATA_VERSION),
  role: oneOf('core', 'signer', 'vault'),
  chainId: uint(),
  /** The ledger's contract; null where an image serves none. */
  anchor: nullable(address),
  /** `configHash`: chain, anchor, broker, guardian, role and genesis. */
  config: hash,
  /** The treasury key's address; null until it was released. */
  authority: nullable(address),
  policyHash: nullable(hash),
  /** The head of the ledger as this boot knows it. */
  head: nullable(hash),
  epoch: nullable(uint(EPOCH_MAX)),
  /** The key of this boot alone. */
  session: nullable(address),
  /** By which one route the ledger takes credits [F22]. */
  credits: nullable(oneOf('signed', 'host-trusted')),
})

export type UserData = Decoded<typeof userDataCodec>
export type Role = UserData['role']

/** At most USER_DATA_BYTES_MAX, whatever the fields hold. */
export function encodeUserData(userData: UserData): Uint8Array {
  const bytes = encodeCbor(userDataCodec.encode(userData))
  assert(bytes.length <= USER_DATA_BYTES_MAX, 'user_data fits into a document')
  return bytes
}

/** Refuses ATTESTATION_BINDING for anything but the deterministic bytes of this version. */
export function decodeUserData(bytes: Uint8Array): UserData {
  if (bytes.length > USER_DATA_BYTES_MAX)
    refuse('ATTESTATION_BINDING', `user_data of at most ${USER_DATA_BYTES_MAX} bytes`, `${bytes.length}`)
  const userData = decodeWith(userDataCodec, readOwn(bytes), 'ATTESTATION_BINDING', 'user_data')
  if (userData.v !== USER_DATA_VERSION) refuse('ATTESTATION_BINDING', `version ${USER_DATA_VERSION}`, `${userData.v}`)
  // Bytes and their hex text decode to one value; only the former is written.
  if (!bytesEqual(encodeUserData(userData), bytes)) refuse('ATTESTATION_BINDING', 'the deterministic form', 'another')
  return userData
}

function readOwn(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes, { canonical: true, depthMax: 1 })
  } catch (cause) {
    if (isCoded(cause)) throw new CodedError('ATTESTATION_BINDING', `user_data: ${cause.message}`, { cause })
    throw cause
  }
}

/** PCR16 after its one extension, before which it is zero: SHA384(48 zero bytes ‖ lockedHash). */
export function pcr16Of(lockedHash: Hash): Uint8Array {
  return sha384(concatBytes(new Uint8Array(SHA384_BYTES), fromHex(lockedHash)))
}

/** `imageDigest` of the header: keccak256(PCR0‖PCR1‖PCR2), 48 bytes each. */
export function imageDigestOf(pcr0: Uint8Array, pcr1: Uint8Array, pcr2: Uint8Array): Hash {
  for (const pcr of [pcr0, pcr1, pcr2]) assert(pcr.length === SHA384_BYTES, 'a PCR has 48 bytes')
  return toHash(keccak256(concatBytes(pcr0, pcr1, pcr2)))
}

/**
 * keccak256 of a document's payload, never of the document: a signature has a second valid form [N10]. It names what was
 * signed and believes nothing. Refuses ATTESTATION_SIZE, ATTESTATION_ENVELOPE.
 */
export function attestationDigestOf(document: Uint8Array): Hash {
  return toHash(keccak256(readEnvelope(document).payload))
}
