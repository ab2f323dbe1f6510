/**
 * The verifier, under a root that the caller names. Production has one root (verify.ts); a development machine and the
 * tests have their own, and only they may import this file: a linter holds it.
 *
 * Each step fails closed under its own code, and no field leaves before the last one.
 */
import { refuse } from '../errors.ts'
import { keccak256 } from '../hash.ts'
import { type Hash, toHash } from '../ids.ts'
import { checkBinding, UNCHECKED } from './binding.ts'
import { type Chain, checkChain, checkValidity, leafOf } from './chain.ts'
import { type Envelope, readEnvelope } from './envelope.ts'
import {
  type ArchivedExpectation,
  checkExpectation,
  type Expectation,
  type LiveExpectation,
  type Verified,
  type VerifiedArchived,
  type VerifiedLive,
} from './expectation.ts'
import { checkInstance, isDebug, type Measurement, matchMeasurement } from './measurements.ts'
import { checkNonce, NonceBook } from './nonces.ts'
import { verifyP384 } from './p384.ts'
import { type Document, readPayload } from './payload.ts'
import { imageDigestOf, type UserData } from './user-data.ts'

/** Kept apart from the results: a field can be copied, membership cannot. */
const liveVerdicts = new WeakSet<Verified>()

/** As `verifyAttestation`, with `rootPin`, SHA-256 of the root certificate's DER, in place of AWS's. */
export function verifyUnder(document: Uint8Array, expectation: LiveExpectation, rootPin: Hash): VerifiedLive
export function verifyUnder(document: Uint8Array, expectation: ArchivedExpectation, rootPin: Hash): VerifiedArchived
export function verifyUnder(document: Uint8Array, expectation: Expectation, rootPin: Hash): Verified
export function verifyUnder(bytes: Uint8Array, expectation: Expectation, rootPin: Hash): Verified {
  checkExpectation(expectation)
  const envelope = readEnvelope(bytes, { tagged: expectation.allowTag18 === true })
  const document = readPayload(envelope.payload)
  const chain = checkChain(document, rootPin, expectation.revoked ?? [])
  checkSignature(envelope, chain)
  // The document's own time means something from here on: its signature was checked.
  const judgedAtMs = checkTime(document, chain, expectation)
  const measurement = checkImage(document, expectation)
  checkFreshness(document, expectation)
  const bound = checkBound(document, expectation)
  spendNonce(document, expectation)
  return verdict({ envelope, document, chain, expectation, judgedAtMs, measurement, bound })
}

/** True for what this verifier judged in live mode, and for nothing that looks like it. */
export function isLiveVerdict(verified: Verified): verified is VerifiedLive {
  return liveVerdicts.has(verified)
}

function checkSignature({ signedBytes, signature }: Envelope, chain: Chain): void {
  if (!verifyP384(signedBytes, signature, leafOf(chain).point))
    refuse('ATTESTATION_SIGNATURE', 'a signature by the last certificate', 'another one')
}

/** The time of judgement: the verifier's, or the document's own. */
function checkTime({ timestampMs }: Document, chain: Chain, expectation: Expectation): number {
  if (expectation.mode === 'archived') {
    checkValidity(chain, timestampMs)
    return timestampMs
  }
  const { nowMs, maxAgeMs, maxSkewMs } = expectation
  checkValidity(chain, nowMs)
  if (timestampMs < nowMs - maxAgeMs)
    refuse('ATTESTATION_STALE', `${nowMs - maxAgeMs} ms or later`, `${timestampMs} ms`)
  // Without this bound, a document dated far ahead would be fresh for as long.
  if (timestampMs > nowMs + maxSkewMs)
    refuse('ATTESTATION_FUTURE', `${nowMs + maxSkewMs} ms or earlier`, `${timestampMs} ms`)
  return nowMs
}

function checkImage(
  document: Document,
  { measurements, allowDebug, checkInstance: isWanted }: Expectation,
): Measurement {
  const measurement = matchMeasurement(document.pcrs, measurements, allowDebug === true)
  if (isWanted === true) checkInstance(document)
  return measurement
}

function checkFreshness({ nonce }: Document, expectation: Expectation): void {
  if (expectation.nonce === UNCHECKED) return
  if (expectation.nonce instanceof Uint8Array) return checkNonce(nonce, expectation.nonce)
  if (expectation.mode === 'live') expectation.nonce.check(nonce, expectation.nowMs)
}

function checkBound({ userData, publicKey }: Document, { binding }: Expectation): UserData | undefined {
  return binding === UNCHECKED ? undefined : checkBinding(userData, publicKey, binding)
}

/** Last of all: a document that is refused leaves the nonce to the honest answer. */
function spendNonce({ nonce }: Document, expectation: Expectation): void {
  if (expectation.mode === 'live' && expectation.nonce instanceof NonceBook)
    expectation.nonce.spend(nonce, expectation.nowMs)
}

type Judgement = {
  readonly envelope: Envelope
  readonly document: Document
  readonly chain: Chain
  readonly expectation: Expectation
  readonly judgedAtMs: number
  readonly measurement: Measurement
  readonly bound: UserData | undefined
}

function verdict({ envelope, document, chain, expectation, judgedAtMs, measurement, bound }: Judgement): Verified {
  const { certificate: _, cabundle: __, ...fields } = document
  const verified = Object.freeze({
    ...fields,
    mode: expectation.mode,
    measurement,
    imageDigest: imageDigestOf(measurement.pcr0, measurement.pcr1, measurement.pcr2),
    attestationDigest: toHash(keccak256(envelope.payload)),
    debug: isDebug(document.pcrs),
    certificates: chain.map(({ serial, notBeforeMs, notAfterMs }) => ({ serial, notBeforeMs, notAfterMs })),
    judgedAtMs,
    bound,
    checked: {
      nonce: expectation.nonce !== UNCHECKED,
      binding: bound !== undefined,
      instance: expectation.checkInstance === true,
    },
  }) as unknown as Verified
  if (expectation.mode === 'live') liveVerdicts.add(verified)
  return verified
}
