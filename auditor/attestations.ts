/**
 * The document behind each session, held against the chain that names it by digest and against the log (protocol
 * sections 2 and 5) [S37]. Pure: documents, measurements and the verifier come in.
 */
import type { ExpectedBinding } from '../enclave/protocol/attestation/binding.ts'
import { UNCHECKED } from '../enclave/protocol/attestation/binding.ts'
import { readEnvelope } from '../enclave/protocol/attestation/envelope.ts'
import type { ArchivedExpectation, VerifiedArchived } from '../enclave/protocol/attestation/expectation.ts'
import type { Measurement } from '../enclave/protocol/attestation/measurements.ts'
import { readPayload } from '../enclave/protocol/attestation/payload.ts'
import { attestationDigestOf, pcr16Of } from '../enclave/protocol/attestation/user-data.ts'
import { AWS_NITRO_ROOT } from '../enclave/protocol/attestation/verify.ts'
import { type Configuration, configHash, lockedHash } from '../enclave/protocol/configuration.ts'
import { isCoded } from '../enclave/protocol/errors.ts'
import { sha256 } from '../enclave/protocol/hash.ts'
import { type Address, type Hash, toHash, toHex, ZERO_HASH } from '../enclave/protocol/ids.ts'
import { bytesEqual } from '../enclave/protocol/words.ts'
import type { ChainFacts, Notice, NoticeCode, SessionOpened } from './chain-facts.ts'
import type { FindingCode, Findings } from './naive/finding.ts'
import { flag } from './naive/finding.ts'
import type { Ledger, SessionRecord } from './naive/ledger.ts'

/** One boot makes one document and may wait this long for its session to land. */
export const DOCUMENT_AGE_MS_MAX = 3_600_000
/** How far the clock of an enclave's hardware may run ahead of the chain's. */
export const DOCUMENT_SKEW_MS_MAX = 600_000
const PCR16 = 16

/** How documents are judged: `verifyAttestation`. Only tests have another one. */
export type ArchivedVerifier = (document: Uint8Array, expectation: ArchivedExpectation) => VerifiedArchived

/** What the reader of an audit knows of the enclave, from elsewhere than the log. */
export type Terms = {
  readonly measurements: readonly Measurement[]
  /** Each that was ever in force; with none, PCR16 is not looked at. */
  readonly configurations: readonly Configuration[]
  readonly verify: ArchivedVerifier
}

/** A session that the chain opened. */
export type Session = Pick<SessionOpened, 'block' | 'epoch' | 'head' | 'session' | 'attestationDigest'> &
  Pick<ChainFacts, 'chainId' | 'anchor'> & {
    /** The one that the contract had then; undefined when its appointment was not read. */
    readonly authority: Address | undefined
    /** Its `open` entry, with what was in force there; undefined when the log has none. */
    readonly logged: SessionRecord | undefined
    /** The time of its block, in milliseconds since 1970; undefined when it was not asked for. */
    readonly openedAtMs: number | undefined
  }

export type Report = { readonly findings: Findings; readonly notices: Notice[] }

/** By number of the block. */
export type BlockTimes = ReadonlyMap<number, number>

/** The sessions of this ledger in the order of the chain. Those up to its genesis belong to an earlier attempt. */
export function sessionsOf(
  { events, chainId, anchor }: ChainFacts,
  ledger: Ledger | null,
  times: BlockTimes,
): Session[] {
  const logged = new Map((ledger?.sessions ?? []).map((record) => [`${record.epoch} ${record.session}`, record]))
  const sessions: Session[] = []
  let authority: Address | undefined
  for (const event of events) {
    if (event.kind === 'appointed' || event.kind === 'rotated') authority = event.authority
    if (event.kind !== 'session' || event.epoch <= (ledger?.genesis.epoch ?? 0)) continue
    const { block, epoch, head, session, attestationDigest } = event
    const about = { logged: logged.get(`${epoch} ${session}`), openedAtMs: times.get(block) }
    sessions.push({ block, epoch, head, session, attestationDigest, chainId, anchor, authority, ...about })
  }
  return sessions
}

/**
 * Judges one session by the document that was kept for it, and gives the allowed image that it ran, undefined when nothing
 * says so. Without terms only the digest counts: whatever a document says, nobody said what it should say.
 */
export function judgeSession(
  session: Session,
  document: Uint8Array | undefined,
  terms: Terms | undefined,
  report: Report,
): Measurement | undefined {
  if (session.attestationDigest === ZERO_HASH) {
    lacking(report, terms, 'UNATTESTED', session, 'the digest of a document', 'zero')
    return undefined
  }
  if (document === undefined) {
    lacking(report, terms, 'ATTESTATION_MISSING', session, session.attestationDigest, 'no document')
    return undefined
  }
  if (!isNamed(session, document, report)) return undefined
  if (terms !== undefined) return judgeDocument(session, document, terms, report)
  noteUnjudged(session, document, report)
  return undefined
}

export type LackCode = Extract<FindingCode, NoticeCode>

/** Whoever names the images that he allows wants each session to be one of them; for others it is worth a look. */
export function lacking(
  { findings, notices }: Report,
  terms: Terms | undefined,
  code: LackCode,
  session: Session,
  expected: string,
  got: string,
): void {
  const { entry, subject } = whereOf(session)
  if (terms !== undefined) flag(findings, code, { entry, subject }, expected, got)
  else notices.push({ code, subject, text: `expected ${expected}, got ${got}` })
}

function whereOf({ epoch, session, logged }: Session): { readonly entry: number | null; readonly subject: string } {
  return { entry: logged?.entry ?? null, subject: `epoch ${epoch} session ${session}` }
}

/** By the payload alone: the signature over it has a second valid form [N10]. */
function isNamed(session: Session, document: Uint8Array, { findings }: Report): boolean {
  const got = textOr(() => attestationDigestOf(document))
  if (got === session.attestationDigest) return true
  flag(findings, 'ATTESTATION_DIGEST', whereOf(session), session.attestationDigest, got)
  return false
}

function textOr(text: () => string): string {
  try {
    return text()
  } catch (error) {
    if (isCoded(error)) return `${error.code}: ${error.message}`
    throw error
  }
}

/** Nothing of a document is believed here: its root says no more than whom it claims to be from. */
function noteUnjudged(session: Session, document: Uint8Array, { notices }: Report): void {
  const { subject } = whereOf(session)
  const root = textOr(() => rootOf(document))
  const isClaimed = root === AWS_NITRO_ROOT
  const code = isClaimed ? 'ATTESTATION_UNJUDGED' : 'ATTESTATION_DEVELOPMENT'
  notices.push({ code, subject, text: isClaimed ? 'give --measurements' : `ends in ${root}` })
}

function rootOf(document: Uint8Array): Hash {
  const { cabundle } = readPayload(readEnvelope(document).payload)
  return toHash(sha256(cabundle[0] ?? new Uint8Array(0)))
}

function judgeDocument(session: Session, document: Uint8Array, terms: Terms, report: Report): Measurement | undefined {
  const verified = verifiedOr(session, document, terms, report)
  if (verified === undefined) return undefined
  const isSameImage = demandImage(session, verified, report)
  const isConfigured = demandConfiguration(session, verified, terms, report)
  noteTime(session, verified, report)
  return isSameImage && isConfigured ? verified.measurement : undefined
}

/** At its own time: its certificates lived for hours, and what makes it fresh is the chain that took its session. */
function verifiedOr(
  session: Session,
  document: Uint8Array,
  { measurements, verify }: Terms,
  { findings }: Report,
): VerifiedArchived | undefined {
  const binding = bindingOf(session)
  try {
    return verify(document, { mode: 'archived', measurements, nonce: UNCHECKED, binding })
  } catch (error) {
    if (!isCoded(error)) throw error
    const expected = 'a genuine document of an allowed image, bound to this session'
    flag(findings, 'ATTESTATION_REFUSED', whereOf(session), expected, `${error.code}: ${error.message}`)
    return undefined
  }
}

/**
 * Chain and log leave nothing open but the key of the boot. Where the log has no `open` entry, the state that the boot had
 * is not known: its policy, route and configuration are not compared.
 */
function bindingOf({ chainId, anchor, authority, head, epoch, session, logged }: Session): ExpectedBinding {
  return {
    userData: {
      role: 'core',
      chainId,
      anchor,
      config: logged?.config ?? UNCHECKED,
      authority: authority ?? logged?.authority ?? UNCHECKED,
      policyHash: logged?.policyHash ?? UNCHECKED,
      head,
      epoch,
      session,
      credits: logged?.credits ?? UNCHECKED,
    },
    publicKey: UNCHECKED,
  }
}

/** Every header of the session repeats this digest: it has to be that of the image that was measured. */
function demandImage(session: Session, { imageDigest }: VerifiedArchived, { findings }: Report): boolean {
  const { logged } = session
  if (logged === undefined || logged.imageDigest === imageDigest) return true
  flag(findings, 'ATTESTATION_IMAGE', whereOf(session), imageDigest, logged.imageDigest)
  return false
}

/** PCR16 covers the KMS key and its version too, which `config` leaves out. */
function demandConfiguration(
  session: Session,
  { pcrs }: VerifiedArchived,
  { configurations }: Terms,
  { findings }: Report,
): boolean {
  if (configurations.length === 0) return true
  const inForce = session.logged?.config
  const given = configurations.filter((known) => inForce === undefined || configHash(known) === inForce)
  const found = pcrs.get(PCR16) ?? new Uint8Array(0)
  const allowed = given.map((known) => pcr16Of(lockedHash(known)))
  if (allowed.some((pcr16) => bytesEqual(pcr16, found))) return true
  const expected = allowed.length === 0 ? `a configuration of hash ${inForce}` : allowed.map(toHex).join(' or ')
  flag(findings, 'ATTESTATION_CONFIG', whereOf(session), `PCR16 ${expected}`, toHex(found))
  return false
}

/** The digest stands in the transaction that opened the session, so a document is made before it, and not long before. */
function noteTime(session: Session, { timestampMs }: VerifiedArchived, { notices }: Report): void {
  const { openedAtMs } = session
  if (openedAtMs === undefined) return
  const ageMs = openedAtMs - timestampMs
  if (ageMs <= DOCUMENT_AGE_MS_MAX && -ageMs <= DOCUMENT_SKEW_MS_MAX) return
  const side = ageMs > 0 ? 'before' : 'after'
  const text = `made ${Math.round(Math.abs(ageMs) / 1_000)} s ${side} the block that opened it`
  notices.push({ code: 'ATTESTATION_TIME', subject: whereOf(session).subject, text })
}
