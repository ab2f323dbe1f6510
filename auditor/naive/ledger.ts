/** The ledger as the auditor keeps it, and the header that it asks for at any moment (protocol section 3). */
import { DEPTH_GENESIS, leafHash, orchestratorIdHash } from '../../enclave/protocol/balance-tree.ts'
import type { Opening, RosterItem } from '../../enclave/protocol/configuration.ts'
import type { Body, Payout } from '../../enclave/protocol/entry.ts'
import type { Header } from '../../enclave/protocol/header.ts'
import type { Address, Hash } from '../../enclave/protocol/ids.ts'
import { toHash, ZERO_ADDRESS, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { Wei } from '../../enclave/protocol/money.ts'
import { POLICY_VERSION_GENESIS } from '../../enclave/protocol/policy.ts'
import type { FindingCode, Findings } from './finding.ts'
import { flag } from './finding.ts'
import type { BalanceTree, LogTree } from './trees.ts'
import { balanceRootOf, logRootAt, newBalanceTree } from './trees.ts'

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
}

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

export type SessionRecord = Body<'open'> & { readonly entry: number }
export type RotationRecord = Body<'rotate'> & { readonly entry: number }
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
  authority: Address
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
    authority: genesis.authority,
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
    policyVersion: POLICY_VERSION_GENESIS,
    policyHash: ledger.genesis.policyHash,
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
