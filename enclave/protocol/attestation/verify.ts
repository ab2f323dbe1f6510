/** Attestation documents of AWS Nitro Enclaves, judged under AWS's root and no other. What each step is for: docs/ATTESTATION.md. */
import { refuse } from '../errors.ts'
import type { Hash } from '../ids.ts'
import type {
  ArchivedExpectation,
  Expectation,
  LiveExpectation,
  Verified,
  VerifiedArchived,
  VerifiedLive,
} from './expectation.ts'
import { isLiveVerdict, verifyUnder } from './verify-under.ts'

/**
 * SHA-256 of the DER of AWS Nitro Enclaves Root G1 (CN=aws.nitro-enclaves, 2019-10-28 to 2049-10-28). Often quoted in its
 * place is the hash of the archive that AWS ships it in.
 */
export const AWS_NITRO_ROOT: Hash = '0x641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b' as Hash

/**
 * The fields of a genuine document that meets the expectation; nothing of any other leaves. Pure: the clock is the caller's.
 *
 * Refuses ATTESTATION_EXPECTATION, then in this order _SIZE, _ENVELOPE, _PAYLOAD, _ROOT, _CHAIN or _REVOKED, _SIGNATURE,
 * _EXPIRED, _STALE or _FUTURE, _DEBUG or _MEASUREMENT, _NONCE or _REPLAY, _BINDING.
 *
 *   verifyAttestation(bytes, { mode: 'live', nowMs, maxAgeMs: 300_000, maxSkewMs: 30_000, measurements, nonce, binding })
 */
export function verifyAttestation(document: Uint8Array, expectation: LiveExpectation): VerifiedLive
export function verifyAttestation(document: Uint8Array, expectation: ArchivedExpectation): VerifiedArchived
export function verifyAttestation(document: Uint8Array, expectation: Expectation): Verified
export function verifyAttestation(document: Uint8Array, expectation: Expectation): Verified {
  return verifyUnder(document, expectation, AWS_NITRO_ROOT)
}

/** For whoever must not take an archived verdict, nor a copy, for a live one: refuses ATTESTATION_MODE. */
export function demandLive(verified: Verified): VerifiedLive {
  return isLiveVerdict(verified) ? verified : refuse('ATTESTATION_MODE', 'a live verdict', verified?.mode ?? 'none')
}
