/**
 * The ledger, recomputed entry by entry from the protocol alone: the oracle of every test, and the first half of an audit.
 * It shares formats with the enclave and no logic. Hostile bytes become findings; nothing here throws on them.
 */
import type { Entry } from '../enclave/protocol/entry.ts'
import { decodeEntry } from '../enclave/protocol/entry.ts'
import { assertNever } from '../enclave/protocol/errors.ts'
import type { Header } from '../enclave/protocol/header.ts'
import { headerHash } from '../enclave/protocol/header.ts'
import type { Address, Hash } from '../enclave/protocol/ids.ts'
import { toHash } from '../enclave/protocol/ids.ts'
import type { Policy } from '../enclave/protocol/policy.ts'
import { replayPolicy, replayReset, replayRotate } from './naive/admin.ts'
import { replayCommit, replayReserve, replaySettle, replayVoid } from './naive/commits.ts'
import type { Finding } from './naive/finding.ts'
import { flag, newFindings } from './naive/finding.ts'
import { replayGenesis, replayRegister } from './naive/genesis.ts'
import { replayAdjust, replayCredit, replayOpen, replayRefuse } from './naive/inputs.ts'
import type { Act, Ledger, Replay } from './naive/ledger.ts'
import { balanceOf, demand, demandEqual, flagEntry, headerOf } from './naive/ledger.ts'
import { demandBatchOrder, replayCredits } from './naive/reporters.ts'
import { appendHash, entryHash, logRootAt, newLogTree } from './naive/trees.ts'

/** Before the first entry. */
export function newReplay(): Replay {
  return { findings: newFindings(), log: newLogTree(), size: 0, at: 0, version: 0, entry: 0, ledger: null }
}

/** Reads the entry at `index`, which has to be the next one, and returns what is wrong with it. */
export function step(replay: Replay, bytes: Uint8Array, index: number): readonly Finding[] {
  const before = replay.findings.list.length
  replay.entry = index
  demandEqual(replay, 'ENTRY_INDEX', 'position', replay.size, index)
  const entry = read(replay, bytes)
  if (entry !== undefined) apply(replay, entry)
  // The header of a commit entry covers the entries before it, so this one joins the log last.
  appendHash(replay.log, entryHash(bytes))
  replay.size++
  return replay.findings.list.slice(before)
}

function read(replay: Replay, bytes: Uint8Array): Entry | undefined {
  try {
    return decodeEntry(bytes)
  } catch (error) {
    flagEntry(replay, 'ENTRY_BYTES', 'entry', 'an entry of a known type', (error as Error).message)
    return undefined
  }
}

function apply(replay: Replay, entry: Entry): void {
  demandEqual(replay, 'ENTRY_INDEX', 'i', replay.size, entry.i)
  demand(replay, entry.at >= replay.at, 'ENTRY_TIME', 'at', `at least ${replay.at}`, entry.at)
  demand(
    replay,
    entry.v >= Math.max(replay.version, 1),
    'ENTRY_VERSION',
    'v',
    `at least ${Math.max(replay.version, 1)}`,
    entry.v,
  )
  replay.at = Math.max(replay.at, entry.at)
  replay.version = Math.max(replay.version, entry.v)
  const { ledger } = replay
  if (ledger !== null) return applyTo(replay, ledger, entry)
  if (entry.type !== 'genesis') return flagEntry(replay, 'ENTRY_ORDER', entry.type, 'genesis first', entry.type)
  replayGenesis(replay, entry.body)
}

function applyTo(replay: Replay, ledger: Ledger, entry: Entry): void {
  demandOrder(replay, ledger, entry)
  switch (entry.type) {
    case 'genesis':
      return flagEntry(replay, 'ENTRY_ORDER', 'genesis', 'one genesis', 'another one')
    case 'register':
      return replayRegister(replay, ledger, entry.body)
    case 'credit':
      return replayCredit(replay, ledger, entry.body)
    case 'adjust':
      return replayAdjust(replay, ledger, entry.body)
    case 'refuse':
      return replayRefuse(replay, ledger, entry.body)
    case 'reserve':
      return replayReserve(replay, ledger, entry.body)
    case 'commit':
      return replayCommit(replay, ledger, entry.body)
    case 'settle':
      return replaySettle(replay, ledger, entry.body)
    case 'void':
      return replayVoid(replay, ledger, entry.body)
    case 'open':
      return replayOpen(replay, ledger, entry.body)
    case 'rotate':
      return replayRotate(replay, ledger, entry.body)
    case 'note':
      return
    case 'policy':
      return replayPolicy(replay, ledger, entry.body)
    case 'credits':
      return replayCredits(replay, ledger, entry.body)
    case 'reset':
      return replayReset(replay, ledger, entry.body)
    default:
      assertNever(entry)
  }
}

/** Roster and openings follow genesis at once, a commit its reserve entry, a part of a batch the part before. */
function demandOrder(replay: Replay, ledger: Ledger, { type, body }: Entry): void {
  if (ledger.reserve !== null) {
    const { sequence } = ledger.reserve
    if (!demandEqual(replay, 'ENTRY_ORDER', `after reserve ${sequence}`, 'commit', type)) ledger.reserve = null
  }
  demandBatchOrder(replay, ledger, type)
  if (ledger.rosterLeft === 0 && ledger.openingsLeft === 0) return
  // A credit of the journal is none of genesis: it may not stand between openings.
  const source = 'source' in body ? body.source : ''
  const part = ledger.rosterLeft > 0 ? 'roster' : 'opening'
  const expected = ledger.rosterLeft > 0 ? 'register' : ledger.opening === null ? 'register or credit' : 'credit'
  const fits = expected.includes(type) && source === part
  demand(replay, fits, 'ENTRY_ORDER', 'after genesis', `${expected} from ${part}`, `${type} ${source}`.trim())
}

export type Summary = {
  readonly entries: number
  readonly logRoot: Hash
  readonly findings: readonly Finding[]
  /** Findings beyond FINDINGS_MAX. */
  readonly findingsDropped: number
  readonly ledger: LedgerSummary | null
}

export type LedgerSummary = {
  readonly ledgerId: Hash
  readonly epoch: number
  /** Of the newest landed header. */
  readonly sequence: number
  readonly head: Hash
  readonly accounts: number
  readonly creditedWei: bigint
  readonly paidWei: bigint
  readonly reservedWei: bigint
  readonly openings: number
  readonly openingsWei: bigint
  readonly journalSize: number
  readonly journalHead: Hash
  readonly unlanded: number | null
  readonly nextPayoutId: number
  readonly authority: Address
  readonly logKey: Hash
  readonly imageDigest: Hash
  readonly policyVersion: number
  readonly policyHash: Hash
  readonly credits: Policy['credits']
  readonly admins: number
  readonly quorum: number
  readonly adjustSeq: number
  readonly drainSeq: number
  readonly reporters: readonly ReporterSummary[]
  /** How often which code refused an input, by code. */
  readonly refusals: { readonly [code: string]: number }
  /** What admins, recipients and reporters did besides crediting, in order. */
  readonly acts: readonly Act[]
  /** Acts beyond ACTS_MAX. */
  readonly actsDropped: number
}

/** `nextSeq` is the number that the log expects next: the reporter compares it with its own. */
export type ReporterSummary = {
  readonly reporter: Address
  /** Whether the policy in force names it. */
  readonly named: boolean
  readonly nextSeq: number
  readonly creditedWei: bigint
}

export function summary(replay: Replay): Summary {
  const { findings, size, log, ledger } = replay
  return {
    entries: size,
    logRoot: toHash(logRootAt(log, size)),
    findings: [...findings.list, ...unfinished(replay)],
    findingsDropped: findings.dropped,
    ledger: ledger === null ? null : summaryOf(ledger),
  }
}

/** A log that ends within a batch credits what its signature does not cover yet. */
function unfinished({ ledger, size }: Replay): Finding[] {
  if (ledger === null || ledger.batch === null) return []
  const { first, structs } = ledger.batch
  const findings = newFindings()
  const where = { entry: size, subject: 'end of the log' }
  flag(findings, 'BATCH_ORDER', where, `credit ${structs.length} of ${first.count} of a batch`, 'nothing')
  return findings.list
}

function summaryOf(ledger: Ledger): LedgerSummary {
  return {
    ledgerId: ledger.genesis.ledgerId,
    epoch: ledger.epoch,
    sequence: ledger.sequence,
    head: ledger.head,
    accounts: ledger.accounts.length,
    creditedWei: ledger.creditedWei,
    paidWei: ledger.paidWei,
    reservedWei: ledger.reservedWei,
    openings: ledger.openings.length,
    openingsWei: ledger.openings.reduce((sum, { wei }) => sum + wei, 0n),
    journalSize: ledger.journalSize,
    journalHead: ledger.journalHead,
    unlanded: ledger.unlanded?.header.sequence ?? null,
    nextPayoutId: ledger.nextPayoutId,
    ...governanceOf(ledger),
  }
}

function governanceOf(ledger: Ledger): Pick<LedgerSummary, GovernanceField> {
  const { authority, logKey, imageDigest, policy, policyVersion, policyHash, adjustSeq, drainSeq } = ledger
  return {
    authority,
    logKey,
    imageDigest,
    policyVersion,
    policyHash,
    credits: policy.credits,
    admins: policy.admins.length,
    quorum: policy.quorum,
    adjustSeq,
    drainSeq,
    reporters: reportersOf(ledger),
    refusals: Object.fromEntries([...ledger.refusals].sort(([left], [right]) => (left < right ? -1 : 1))),
    acts: ledger.acts,
    actsDropped: ledger.actsDropped,
  }
}

type GovernanceField =
  | 'authority'
  | 'logKey'
  | 'imageDigest'
  | 'policyVersion'
  | 'policyHash'
  | 'credits'
  | 'admins'
  | 'quorum'
  | 'adjustSeq'
  | 'drainSeq'
  | 'reporters'
  | 'refusals'
  | 'acts'
  | 'actsDropped'

/** Those whom the policy names and those who signed here once, ascending. */
function reportersOf({ policy, reporters }: Ledger): ReporterSummary[] {
  const named = new Set(policy.reporters.map(({ address }) => address))
  return [...new Set([...named, ...reporters.keys()])].sort().map((reporter) => {
    const { nextSeq, creditedWei } = reporters.get(reporter) ?? { nextSeq: 1, creditedWei: 0n }
    return { reporter, named: named.has(reporter), nextSeq, creditedWei }
  })
}

/** The header that has to commit to everything read so far, and its hash; undefined before genesis. */
export function expectedHeader(replay: Replay): { readonly header: Header; readonly hash: Hash } | undefined {
  if (replay.ledger === null) return undefined
  const header = headerOf(replay, replay.ledger)
  return { header, hash: headerHash(header) }
}

export type AccountSummary = {
  readonly index: number
  readonly id: string
  readonly recipient: Address
  readonly creditedWei: bigint
  readonly paidWei: bigint
  readonly reservedWei: bigint
  readonly balanceWei: bigint
  readonly lastSeq: number
}

/** Every account in order of index, as of the last entry read. `lastSeq` is that of the last header. */
export function accounts(replay: Replay): readonly AccountSummary[] {
  return (replay.ledger?.accounts ?? []).map((account) => {
    const { index, id, recipient, creditedWei, paidWei, reservedWei, lastSeq } = account
    return { index, id, recipient, creditedWei, paidWei, reservedWei, balanceWei: balanceOf(account), lastSeq }
  })
}
