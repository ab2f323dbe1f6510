/** The ledger as the auditor keeps it, and the header that it asks for at any moment (protocol section 3). */
import { DEPTH_GENESIS, leafHash, orchestratorIdHash } from '../../enclave/protocol/balance-tree.ts'
import type { Opening, RosterItem } from '../../enclave/protocol/configuration.ts'
import type { Body, Payout } from '../../enclave/protocol/entry.ts'
import type { Header } from '../../enclave/protocol/header.ts'
import type { Address, Hash } from '../../enclave/protocol/ids.ts'
import { toHash, ZERO_ADDRESS, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { Wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { POLICY_VERSION_GENESIS } from '../../enclave/protocol/policy.ts'
import type { FindingCode, Findings } from './finding.ts'
import { flag } from './finding.ts'
import type { BalanceTree, LogTree } from './trees.ts'
import { balanceRootOf, logRootAt, newBalanceTree } from './trees.ts'
import type { Window } from './window.ts'
import { newWindow } from './window.ts'

export type Account = {
  readonly index: number
  readonly id: string
  readonly idHash: Uint8Array
  recipient: Address
  creditedWei: bigint
  paidWei: bigint
  reservedWei: bigint
  lastSeq: number
  /** Payouts in a row that did not reach it, and the sequence from which it may be tried again. */
  failures: number
  retrySequence: number
  /** Number of the newest signed registration or change. */
  regSeq: number
  pending: PendingRecipient | null
}

/** A change of recipient that waits: the newest landed sequence and the time when it was recorded. */
export type PendingRecipient = { readonly recipient: Address; readonly sequence: number; readonly at: number }

/** What a source of credits has brought: the journal, or a reporter. */
export type CreditUse = { creditedWei: bigint; readonly window: Window }
export type ReporterUse = CreditUse & { nextSeq: number }

/** A signed batch of which entries are still to come; `structs` are the creditStructs so far. */
export type OpenBatch = { readonly first: Body<'credits'>; readonly structs: Uint8Array[] }

/** Something that a reader of an audit wants to see, whatever the rules say of it. */
export type Act = {
  readonly entry: number
  readonly at: number
  readonly kind: 'policy' | 'adjust' | 'drain' | 'reset' | 'rotate' | 'recipient' | 'skip' | 'image'
  readonly text: string
}
/** Acts kept for the reader; the rest is counted. */
export const ACTS_MAX = 1_000

/** A commit entry and what became of it. */
export type CommitRecord = {
  readonly entry: number
  readonly header: Header
  readonly hash: Hash
  /** Null for a bare commit. */
  readonly payouts: readonly Payout[] | null
  fate: 'unlanded' | 'settled' | 'void'
  /** As the settle entry has them. */
  bitmap: Hash | null
  head: Hash | null
}

/** With what the log has in force at that entry. */
export type SessionRecord = Body<'open'> &
  Readonly<Pick<Ledger, 'authority' | 'config' | 'policyHash'> & Pick<Policy, 'credits'>> & { readonly entry: number }
/** `before` is the authority that it takes over from. */
export type RotationRecord = Body<'rotate'> & { readonly entry: number; readonly before: Address }
export type ReserveRecord = Body<'reserve'> & { readonly entry: number }
/** What a consumed journal line became; `amount` and `id` are null for a refused one. */
export type JournalRecord = {
  readonly entry: number
  readonly hash: Hash
  readonly id: string | null
  readonly amount: string | null
}

export type Ledger = {
  readonly genesis: Body<'genesis'>
  /** In force, as the newest policy entry has it. */
  policy: Policy
  policyHash: Hash
  policyVersion: number
  /** Entries of roster and openings that have to come before anything else. */
  rosterLeft: number
  openingsLeft: number
  /** An opening's recipient, waiting for its credit. */
  opening: { readonly id: string; readonly recipient: Address } | null
  readonly roster: RosterItem[]
  readonly openings: Opening[]
  readonly accounts: Account[]
  readonly byId: Map<string, Account>
  readonly touched: Set<Account>
  readonly leaves: Uint8Array[]
  readonly tree: BalanceTree
  treeDepth: number
  creditedWei: bigint
  paidWei: bigint
  reservedWei: bigint
  journalSize: number
  journalHead: Hash
  readonly journal: JournalRecord[]
  /** Lines before `size` lead to `head`, by the word of genesis or of the newest reset. */
  journalStart: { readonly size: number; readonly head: Hash; readonly entry: number }
  readonly journalUse: CreditUse
  /** Everybody who ever signed here: numbers go on also for one that was removed and named again. */
  readonly reporters: Map<Address, ReporterUse>
  batch: OpenBatch | null
  adjustSeq: number
  drainSeq: number
  /** Settled payouts but drains: to each recipient, and to all. */
  readonly paidTo: Map<Address, Window>
  readonly paidToAll: Window
  /** How often which code refused an input. */
  readonly refusals: Map<string, number>
  readonly acts: Act[]
  actsDropped: number
  authority: Address
  logKey: Hash
  config: Hash
  imageDigest: Hash
  epoch: number
  session: Address
  /** Of the newest landed header. */
  sequence: number
  head: Hash
  nextPayoutId: number
  /** The account of the last payout: the next commit goes on after it. */
  servedIndex: number
  /** The reserve entry just read, whose commit has to come next. */
  reserve: ReserveRecord | null
  unlanded: CommitRecord | null
  readonly commits: CommitRecord[]
  readonly sessions: SessionRecord[]
  readonly rotations: RotationRecord[]
}

export type Replay = {
  readonly findings: Findings
  readonly log: LogTree
  /** Entries read. */
  size: number
  at: number
  version: number
  /** Index of the entry being read. */
  entry: number
  ledger: Ledger | null
}

export function newLedger(genesis: Body<'genesis'>): Ledger {
  const ledger: Ledger = {
    genesis,
    policy: genesis.policy,
    policyHash: genesis.policyHash,
    policyVersion: POLICY_VERSION_GENESIS,
    rosterLeft: genesis.roster,
    openingsLeft: genesis.openings,
    opening: null,
    roster: [],
    openings: [],
    accounts: [],
    byId: new Map(),
    touched: new Set(),
    leaves: [],
    tree: newBalanceTree(),
    treeDepth: DEPTH_GENESIS,
    creditedWei: 0n,
    paidWei: 0n,
    reservedWei: 0n,
    journalSize: genesis.journalSize,
    journalHead: genesis.journalHead,
    journal: [],
    journalStart: { size: genesis.journalSize, head: genesis.journalHead, entry: 0 },
    ...nothingUsed(),
    refusals: new Map(),
    acts: [],
    actsDropped: 0,
    authority: genesis.authority,
    logKey: genesis.logKey,
    config: genesis.config,
    imageDigest: genesis.imageDigest,
    epoch: genesis.epoch,
    session: ZERO_ADDRESS,
    sequence: 0,
    head: ZERO_HASH,
    nextPayoutId: 1,
    servedIndex: 0,
    reserve: null,
    unlanded: null,
    commits: [],
    sessions: [],
    rotations: [],
  }
  addAccount(ledger, '', genesis.policy.treasuryOwner)
  return ledger
}

type Used = Pick<Ledger, 'journalUse' | 'reporters' | 'batch' | 'adjustSeq' | 'drainSeq' | 'paidTo' | 'paidToAll'>

function nothingUsed(): Used {
  return {
    journalUse: { creditedWei: 0n, window: newWindow() },
    reporters: new Map(),
    batch: null,
    adjustSeq: 0,
    drainSeq: 0,
    paidTo: new Map(),
    paidToAll: newWindow(),
  }
}

/** The next account; the tree gains a level when it is full. */
export function addAccount(ledger: Ledger, id: string, recipient: Address): Account {
  const index = ledger.accounts.length
  const account: Account = {
    index,
    id,
    idHash: orchestratorIdHash(id),
    recipient,
    creditedWei: 0n,
    paidWei: 0n,
    reservedWei: 0n,
    lastSeq: 0,
    failures: 0,
    retrySequence: 0,
    regSeq: 0,
    pending: null,
  }
  ledger.accounts.push(account)
  ledger.byId.set(id, account)
  ledger.touched.add(account)
  if (ledger.accounts.length > 2 ** ledger.treeDepth) ledger.treeDepth++
  return account
}

export function balanceOf(account: Account): bigint {
  return account.creditedWei - account.paidWei - account.reservedWei
}

/** The header that commits to everything read so far; every change since the last header gets its sequence. */
export function headerOf(replay: Replay, ledger: Ledger): Header {
  const sequence = ledger.sequence + 1
  for (const account of ledger.touched) {
    account.lastSeq = sequence
    ledger.leaves[account.index] = leafOf(account)
  }
  return {
    version: replay.version,
    ledgerId: ledger.genesis.ledgerId,
    epoch: ledger.epoch,
    sequence,
    prev: ledger.head,
    balanceRoot: toHash(balanceRootOf(ledger.tree, ledger.leaves, ledger.treeDepth)),
    treeDepth: ledger.treeDepth,
    accounts: ledger.accounts.length,
    logSize: replay.size,
    logRoot: toHash(logRootAt(replay.log, replay.size)),
    creditedWei: ledger.creditedWei as Wei,
    paidWei: ledger.paidWei as Wei,
    reservedWei: ledger.reservedWei as Wei,
    journalHead: ledger.journalHead,
    journalSize: ledger.journalSize,
    policyVersion: ledger.policyVersion,
    policyHash: ledger.policyHash,
    imageDigest: ledger.imageDigest,
  }
}

function leafOf(account: Account): Uint8Array {
  const leaf = {
    index: account.index,
    orchestratorId: account.id,
    recipient: account.recipient,
    credited: account.creditedWei as Wei,
    paid: account.paidWei as Wei,
    reserved: account.reservedWei as Wei,
    lastSeq: account.lastSeq,
  }
  return leafHash(leaf, account.idHash)
}

/** Keeps an act of the entry being read for whoever reads the audit. */
export function note(replay: Replay, ledger: Ledger, kind: Act['kind'], text: string): void {
  if (ledger.acts.length < ACTS_MAX) ledger.acts.push({ entry: replay.entry, at: replay.at, kind, text })
  else ledger.actsDropped++
}

/** A finding about the entry being read. */
export function flagEntry(replay: Replay, code: FindingCode, subject: string, expected: unknown, got: unknown): void {
  flag(replay.findings, code, { entry: replay.entry, subject }, expected, got)
}

/** True when both are equal; else a finding. */
export function demandEqual(
  replay: Replay,
  code: FindingCode,
  subject: string,
  expected: unknown,
  got: unknown,
): boolean {
  if (expected === got) return true
  flagEntry(replay, code, subject, expected, got)
  return false
}

/** True when the claim holds; else a finding that says what was expected. */
export function demand(
  replay: Replay,
  holds: boolean,
  code: FindingCode,
  subject: string,
  expected: unknown,
  got: unknown,
): boolean {
  if (!holds) flagEntry(replay, code, subject, expected, got)
  return holds
}
