/** What a verifier demands, in one of two modes that cannot stand for each other, and what it gets [N11]. */
import { refuse } from '../errors.ts'
import type { Hash } from '../ids.ts'
import { checkExpectedBinding, type ExpectedBinding, UNCHECKED, type Unchecked } from './binding.ts'
import type { Certificate } from './certificate.ts'
import type { RevokedCertificate } from './chain.ts'
import { checkMeasurementList, type Measurement } from './measurements.ts'
import { checkNonceSize, NonceBook } from './nonces.ts'
import type { Document } from './payload.ts'
import type { UserData } from './user-data.ts'

type Demands = {
  /** The images that are allowed; never empty. */
  readonly measurements: readonly Measurement[]
  /** What user_data and public_key have to say. `unchecked` where the document is not one of ours. */
  readonly binding: ExpectedBinding | Unchecked
  readonly revoked?: readonly RevokedCertificate[]
  /** Demands that PCR4 names the instance of module_id. */
  readonly checkInstance?: boolean
  /** Lets zero PCR0 to PCR2 pass: for tests, since the host of such an enclave reads its memory. */
  readonly allowDebug?: boolean
  /** Lets the form with CBOR tag 18 pass, which no genuine document has. */
  readonly allowTag18?: boolean
}

/** Is this enclave there now? */
export type LiveExpectation = Demands & {
  readonly mode: 'live'
  /** The verifier's own clock. */
  readonly nowMs: number
  /** How old a document may be. */
  readonly maxAgeMs: number
  /** How far its clock may run ahead of the verifier's. */
  readonly maxSkewMs: number
  /** The nonce of the one question, or the book of all. `unchecked` leaves a replay within maxAgeMs undetected. */
  readonly nonce: Uint8Array | NonceBook | Unchecked
}

/** Was this document genuine when it was made? It says nothing about the present. */
export type ArchivedExpectation = Demands & {
  readonly mode: 'archived'
  /** The nonce, where the verifier kept it. */
  readonly nonce: Uint8Array | Unchecked
}

export type Expectation = LiveExpectation | ArchivedExpectation

type Attested = Omit<Document, 'certificate' | 'cabundle'> & {
  /** The allowed image that it is. */
  readonly measurement: Measurement
  readonly imageDigest: Hash
  /** keccak256 of the payload: what `openSession` stores. */
  readonly attestationDigest: Hash
  /** True only under `allowDebug`. */
  readonly debug: boolean
  /** From the root to the leaf. */
  readonly certificates: readonly Pick<Certificate, 'serial' | 'notBeforeMs' | 'notAfterMs'>[]
  /** The time at which certificates were judged. */
  readonly judgedAtMs: number
  /** What the document binds, where `binding` was checked. */
  readonly bound: UserData | undefined
  readonly checked: { readonly nonce: boolean; readonly binding: boolean; readonly instance: boolean }
}

declare const judged: unique symbol
/** Made by the verifier alone. */
type Judged<Mode> = { readonly mode: Mode; readonly [judged]: Mode }

export type VerifiedLive = Attested & Judged<'live'>
export type VerifiedArchived = Attested & Judged<'archived'>
export type Verified = VerifiedLive | VerifiedArchived

/** An expectation that decides nothing is refused before the document is looked at: ATTESTATION_EXPECTATION [N2]. */
export function checkExpectation(expectation: Expectation): void {
  checkMeasurementList(expectation.measurements, expectation.allowDebug === true)
  if (expectation.binding !== UNCHECKED) checkExpectedBinding(expectation.binding)
  checkExpectedNonce(expectation)
  switch (expectation.mode) {
    case 'live':
      checkSpan('nowMs', expectation.nowMs)
      checkSpan('maxAgeMs', expectation.maxAgeMs)
      checkSpan('maxSkewMs', expectation.maxSkewMs)
      break
    case 'archived':
      break
    default:
      refuse('ATTESTATION_EXPECTATION', 'the mode live or archived', 'another')
  }
}

function checkExpectedNonce({ mode, nonce }: Expectation): void {
  if (nonce === UNCHECKED) return
  if (nonce instanceof NonceBook) {
    if (mode !== 'live') refuse('ATTESTATION_EXPECTATION', 'a nonce that was kept', 'a book, which is of the present')
    return
  }
  checkNonceSize(nonce)
}

/** NaN compares false with everything, and would pass each bound. */
function checkSpan(name: string, valueMs: number): void {
  if (!Number.isSafeInteger(valueMs) || valueMs < 0) refuse('ATTESTATION_EXPECTATION', `${name} in ms`, `${valueMs}`)
}
