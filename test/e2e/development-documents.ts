/** Documents of development enclaves, judged live under the root that lies beside their keys: production knows no such root. */

import { readDevelopmentRoot } from '../../enclave/development/chain.ts'
import type { LiveExpectation, VerifiedLive } from '../../enclave/protocol/attestation/expectation.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { sha256 } from '../../enclave/protocol/hash.ts'
import { toHash } from '../../enclave/protocol/ids.ts'

const AGE_MS_MAX = 180_000
const SKEW_MS_MAX = 30_000
/** A development NSM measures nothing. */
const ZEROS = new Uint8Array(48)

/** Refuses ATTESTATION_*. `rootFile` is drawn by the enclave, never here. */
export function verifiedUnder(rootFile: string, document: Uint8Array, nonce: Uint8Array | 'unchecked'): VerifiedLive {
  const { certificate } = readDevelopmentRoot(rootFile, neverDrawn)
  return verifyUnder(document, expectationOf(nonce), toHash(sha256(certificate)))
}

/** `accepted`, or the code of the refusal. */
export function verdictUnder(rootFile: string, document: Uint8Array, nonce: Uint8Array): string {
  try {
    verifiedUnder(rootFile, document, nonce)
    return 'accepted'
  } catch (error) {
    return isCoded(error) ? error.code : String(error)
  }
}

function expectationOf(nonce: Uint8Array | 'unchecked'): LiveExpectation {
  return {
    mode: 'live',
    nowMs: Date.now(),
    maxAgeMs: AGE_MS_MAX,
    maxSkewMs: SKEW_MS_MAX,
    measurements: [{ pcr0: ZEROS, pcr1: ZEROS, pcr2: ZEROS }],
    allowDebug: true,
    nonce,
    binding: 'unchecked',
  }
}

function neverDrawn(): never {
  throw new Error('expected the root of a process that runs, got none')
}
