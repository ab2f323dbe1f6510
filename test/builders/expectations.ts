/** What a verifier of test documents demands: everything that it can, each test flips one thing. */
import type {
  ArchivedExpectation,
  Expectation,
  LiveExpectation,
} from '../../enclave/protocol/attestation/expectation.ts'
import type { Measurement } from '../../enclave/protocol/attestation/measurements.ts'
import { verifyAttestation } from '../../enclave/protocol/attestation/verify.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import type { ErrorCode } from '../../enclave/protocol/errors.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { ACCEPTED, DOCUMENT_AT_MS, type TestAttester } from './attestation.ts'

export const AGE_MS_MAX = 300_000
export const SKEW_MS_MAX = 30_000

export type Verdict = ErrorCode | typeof ACCEPTED

/** The honest image of a test attester. */
export function imageOf({ measurements: [pcr0, pcr1, pcr2] }: TestAttester): Measurement {
  return { name: 'honest', pcr0, pcr1, pcr2 }
}

/** Judged a second after the document was made. */
export function liveFor(attester: TestAttester, over: Partial<LiveExpectation> = {}): LiveExpectation {
  return {
    mode: 'live',
    nowMs: DOCUMENT_AT_MS + 1_000,
    maxAgeMs: AGE_MS_MAX,
    maxSkewMs: SKEW_MS_MAX,
    measurements: [imageOf(attester)],
    nonce: 'unchecked',
    binding: 'unchecked',
    ...over,
  }
}

export function archivedFor(attester: TestAttester, over: Partial<ArchivedExpectation> = {}): ArchivedExpectation {
  return {
    mode: 'archived',
    measurements: [imageOf(attester)],
    nonce: 'unchecked',
    binding: 'unchecked',
    ...over,
  }
}

/** The code of the refusal under the attester's own root. Anything else that is thrown is no answer. */
export function judge(attester: TestAttester, document: Uint8Array, expectation: Expectation): Verdict {
  return verdictOf(() => verifyUnder(document, expectation, toHash(attester.rootPin)))
}

/** As `judge`, under AWS's root. */
export function judgeGenuine(document: Uint8Array, expectation: Expectation): Verdict {
  return verdictOf(() => verifyAttestation(document, expectation))
}

export function verdictOf(run: () => unknown): Verdict {
  try {
    run()
    return ACCEPTED
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  }
}
