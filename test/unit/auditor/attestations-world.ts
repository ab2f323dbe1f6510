/** A ledger of three sessions, each behind a document: under the first policy, the next one, and another authority. */
import { DOCUMENT_AGE_MS_MAX, type Session, sessionsOf, type Terms } from '../../../auditor/attestations.ts'
import type { AnchorEvent, ChainFacts } from '../../../auditor/chain-facts.ts'
import type { Ledger } from '../../../auditor/naive/ledger.ts'
import type { UserData } from '../../../enclave/protocol/attestation/user-data.ts'
import {
  attestationDigestOf,
  encodeUserData,
  imageDigestOf,
  pcr16Of,
} from '../../../enclave/protocol/attestation/user-data.ts'
import { verifyUnder } from '../../../enclave/protocol/attestation/verify-under.ts'
import { type Configuration, configHash, lockedHash } from '../../../enclave/protocol/configuration.ts'
import { type Address, type Hash, toHash, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { DOCUMENT_AT_MS, type DocumentOptions, newTestAttester } from '../../builders/attestation.ts'
import { imageOf } from '../../builders/expectations.ts'
import { aGovernedLog } from './governed-log.ts'
import { ANCHOR, AUTHORITY, addressOf, GUARDIAN, type LogBuilder } from './log-builder.ts'
import { replayOf } from './log-judge.ts'
import { quietFacts } from './quiet-facts.ts'
import { aRotation, aSuccession } from './signed-bodies.ts'

export const ATTESTER = newTestAttester()
export const HEIR = addressOf(0xd2)
const KEY_ID = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const BLOCK_MS = 1_000

/** How the document of one session differs from the honest one. */
export type Edits = {
  readonly userData?: Partial<UserData>
  /** Chain and log name the document that comes out. */
  readonly document?: DocumentOptions
}

export type Lived = {
  readonly ledger: Ledger
  readonly facts: ChainFacts
  readonly sessions: readonly Session[]
  /** In the order of the sessions. */
  readonly documents: readonly Uint8Array[]
  /** What PCR16 was locked to, in the order of the sessions. */
  readonly configurations: readonly Configuration[]
}

/** The ledger; `edits` are of the session of that position. */
export function aLivedLedger(edits: { readonly [position: number]: Edits } = {}): Lived {
  const log = aGovernedLog()
  const [pcr0, pcr1, pcr2] = ATTESTER.measurements
  log.state.imageDigest = imageDigestOf(pcr0, pcr1, pcr2)
  const first = configurationOf(log, GUARDIAN)
  const last = configurationOf(log, addressOf(0xc2))
  const opened: Opened[] = [openedBy(log, first, edits[0])]
  log.put('policy', aSuccession(log.state.policy, { windowSeconds: 3_600 }))
  opened.push(openedBy(log, first, edits[1]))
  const { epoch, logKey, imageDigest } = log.state
  log.put('rotate', aRotation({ epoch: epoch + 1, authority: HEIR, logKey, config: configHash(last), imageDigest }))
  log.state.epoch++
  opened.push(openedBy(log, last, edits[2]))
  const { ledger } = replayOf(log.entries)
  if (ledger === null) throw new TypeError('expected a ledger')
  const facts = factsOf(opened)
  return {
    ledger,
    facts,
    sessions: sessionsOf(facts, ledger, timesOf(facts)),
    documents: opened.map(({ document }) => document),
    configurations: [first, first, last],
  }
}

export function termsOf(over: Partial<Terms> = {}): Terms {
  return {
    measurements: [imageOf(ATTESTER)],
    configurations: [],
    verify: (document, expectation) => verifyUnder(document, expectation, toHash(ATTESTER.rootPin)),
    ...over,
  }
}

/** Blocks a second apart, the first one made as the documents were. */
export function timesOf({ events }: ChainFacts, laterMs = 0): ReadonlyMap<number, number> {
  return new Map(events.map(({ block }) => [block, DOCUMENT_AT_MS + block * BLOCK_MS + laterMs]))
}

export const FAR_MS = DOCUMENT_AGE_MS_MAX + 10 * BLOCK_MS

function configurationOf({ state }: LogBuilder, guardian: Address): Configuration {
  const { chainId, anchor, broker, role, genesisHash } = state.configuration
  const keyRelease = { keyId: KEY_ID, region: 'eu-central-1', keyVersion: 1 }
  return { chainId, anchor, broker, guardian, role, genesisHash, keyRelease }
}

type Opened = {
  readonly epoch: number
  readonly session: Address
  readonly document: Uint8Array
  readonly digest: Hash
}

function openedBy(log: LogBuilder, configuration: Configuration, { userData = {}, document = {} }: Edits = {}): Opened {
  const { state } = log
  const epoch = state.epoch + 1
  const session = addressOf(0x5000 + epoch)
  const bound: UserData = {
    v: 1,
    role: 'core',
    chainId: state.policy.chainId,
    anchor: ANCHOR,
    config: configHash(configuration),
    authority: epoch > 2 ? HEIR : AUTHORITY,
    policyHash: state.policyHash,
    head: state.head,
    epoch,
    session,
    credits: state.policy.credits,
    ...userData,
  }
  const pcrs = new Map([[16, pcr16Of(lockedHash(configuration))]])
  const bytes = ATTESTER.document({ userData: encodeUserData(bound), pcrs, ...document })
  const digest = attestationDigestOf(bytes)
  log.open(session, digest)
  return { epoch, session, document: bytes, digest }
}

function factsOf(opened: readonly Opened[]): ChainFacts {
  const at = (block: number) => ({ block, logIndex: 0, transaction: ZERO_HASH })
  const events: AnchorEvent[] = [{ ...at(1), kind: 'appointed', authority: AUTHORITY }]
  for (const { epoch, session, digest } of opened) {
    if (epoch === 4) events.push({ ...at(4), kind: 'rotated', epoch: 3, authority: HEIR })
    events.push({ ...at(epoch + 1), kind: 'session', epoch, head: ZERO_HASH, session, attestationDigest: digest })
  }
  return quietFacts(4, HEIR, events)
}
