/**
 * What the enclave learns about itself: a document of its own NSM, judged by the verifier that everyone else uses. Nothing
 * that it reads of the registers is believed before the document repeats it.
 */
import type { ArchivedExpectation, VerifiedArchived } from '../protocol/attestation/expectation.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import type { Hash } from '../protocol/ids.ts'
import { bytesEqual } from '../protocol/words.ts'
import { randomBytes } from './entropy.ts'
import type { Nsm } from './nsm.ts'

/**
 * `verifyAttestation`; a development machine gives one under its own root. Archived, because a live verdict takes a clock,
 * and this document is what the clock comes from.
 */
export type SelfVerifier = (document: Uint8Array, expectation: ArchivedExpectation) => VerifiedArchived

export type SelfAttestation = {
  readonly moduleId: string
  /** All registers that the document lists. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>
  readonly imageDigest: Hash
  /** The document's own time, ms since 1970. */
  readonly timeMs: number
  /** PCR0, PCR1 or PCR2 is zero. */
  readonly debug: boolean
}

const NONCE_BYTES = 32

/**
 * Asks for a document over the boot's recipient key (SPKI DER; null where no KMS is asked) and has it judged. Refuses
 * NSM_FAILED, what the verifier refuses, and ATTESTATION_BINDING where the document carries another key.
 */
export function attestSelf(
  nsm: Nsm,
  verify: SelfVerifier,
  { recipientKeyDer }: { readonly recipientKeyDer: Uint8Array | null },
): SelfAttestation {
  const { moduleId, pcrs, imageDigest, timestampMs, debug, publicKey } = judgedDocument(nsm, verify, recipientKeyDer)
  if (!isSame(publicKey, recipientKeyDer)) refuse('ATTESTATION_BINDING', recipientKeyDer, publicKey)
  return { moduleId, pcrs, imageDigest, timeMs: timestampMs, debug }
}

/** The host of a debug enclave reads its memory: a production image ends here. Throws DEBUG_IMAGE [N1]. */
export function refuseDebug({ debug }: SelfAttestation): void {
  if (debug) throw new CodedError('DEBUG_IMAGE', 'expected PCR0, PCR1 and PCR2 of a measured image, got zero')
}

/** The time of a fresh document, ms since 1970, for a trusted clock. Refuses as attestSelf. */
export function attestedMs(nsm: Nsm, verify: SelfVerifier): number {
  return judgedDocument(nsm, verify, null).timestampMs
}

function judgedDocument(nsm: Nsm, verify: SelfVerifier, publicKey: Uint8Array | null): VerifiedArchived {
  const nonce = randomBytes(NONCE_BYTES)
  const [pcr0, pcr1, pcr2] = [nsm.describePcr(0).value, nsm.describePcr(1).value, nsm.describePcr(2).value]
  const document = nsm.document({ nonce, userData: null, publicKey })
  return verify(document, {
    mode: 'archived',
    // Whether zeros are allowed is the caller's decision: it is told.
    allowDebug: true,
    measurements: [{ pcr0, pcr1, pcr2 }],
    nonce,
    binding: 'unchecked',
  })
}

function isSame(left: Uint8Array | null, right: Uint8Array | null): boolean {
  return left === null || right === null ? left === right : bytesEqual(left, right)
}
