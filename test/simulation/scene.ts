/** What a world consists of: types alone, so that actors and checkers know the world and not one another. */
import type { Committed, Settled } from '../../auditor/chain-facts.ts'
import type { Instance } from '../../enclave/instance.ts'
import type { Configuration, Genesis } from '../../enclave/protocol/configuration.ts'
import type { Payout } from '../../enclave/protocol/entry.ts'
import type { Header } from '../../enclave/protocol/header.ts'
import type { Address, Hash } from '../../enclave/protocol/ids.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import type { Block, Chain } from './chain/chain.ts'
import type { CallInfo, RawTransaction } from './chain/state.ts'
import type { Governance } from './governance.ts'
import type { JournalNode } from './journal.ts'
import type { DrawnKeys } from './keys.ts'
import type { LogNode } from './log-branch.ts'
import type { Payee } from './payees.ts'
import type { Random } from './random.ts'
import type { Archive, SealedRecord } from './sealed.ts'
import type { Faults } from './swarm.ts'

/** One enclave. */
export type Boot = {
  readonly number: number
  readonly instance: Instance
  readonly random: Random
  /** The newest record of the chain that this boot goes on with. */
  tip: SealedRecord | undefined
  /** Its own records by number. */
  readonly records: Map<number, SealedRecord>
  /** The host has all of its own records below this one. */
  deliveredBelow: number
  node: LogNode | undefined
  /** What the host adds to the time that it shows to this enclave. */
  skewSeconds: number
  open: SignedCall | undefined
  commit: SignedCall | undefined
  isHonest: boolean
  /** The host stores what it releases and does not say so. */
  isUnacknowledged: boolean
}

/** A header that some enclave closed, and where its log stands. */
export type CommitInfo = {
  readonly boot: Boot
  readonly header: Header
  readonly hash: Hash
  readonly payouts: readonly Payout[]
  /** Of the accounts, by index. */
  readonly ids: readonly string[]
  /** The newest entry that the header covers. */
  readonly node: LogNode
  /** The commit entry itself. */
  readonly entry: LogNode
}

/** A call that left an enclave, and who signed it. */
export type SignedCall = {
  readonly boot: Boot
  readonly info: CallInfo
  readonly raw: RawTransaction
  readonly commit: CommitInfo | undefined
}

export type World = {
  readonly seed: number
  /** Draws what happens next. */
  readonly random: Random
  readonly drawnFaults: Faults
  /** Those that strike now: none at the end. */
  faults: Faults
  readonly genesis: Genesis
  readonly configuration: Configuration
  readonly keys: DrawnKeys
  readonly chain: Chain
  nowSeconds: number
  readonly archive: Archive
  readonly boots: Boot[]
  /** The enclave that the honest half of the host works with. */
  operator: Boot | undefined
  bootCount: number
  readonly calls: SignedCall[]
  /** Whatever a quorum, a registrar or an owner ever signed, as it was brought to an enclave. */
  readonly acts: { readonly method: string; readonly params: object }[]
  readonly commits: Map<Hash, CommitInfo>
  readonly ids: readonly string[]
  /** Of every account that has one, or may be registered. */
  readonly recipients: ReadonlyMap<string, Address>
  /** Whoever may come to be paid: those, and in a world that grows old whoever follows one of them. */
  readonly payees: readonly Address[]
  /** The policy's windows and caps may bind. */
  readonly isCapped: boolean
  /** Null where the policy names nobody. */
  readonly governance: Governance | undefined
  /** The journal that the honest writer appends to, and every line of every journal by its head. */
  journal: JournalNode
  readonly journals: Map<Hash, JournalNode>
  /** What the writer meant by a line, by its hash. */
  readonly lines: Map<Hash, NonNullable<JournalNode['credit']>>
  readonly checks: Observer
  readonly figures: Map<string, number>
  /** Signatures of tickets are checked too, and the chain's steps are kept for the real one. */
  readonly real: boolean
}

/** What the log has taken in, as of a landed header. */
export type Inputs = {
  journalSize: number
  journalHead: Hash
  policyVersion: number
  treasuryOwner: Address
  adjustSeq: number
  drainSeq: number
  /** The newest header that the log says has landed, and the time of the newest entry. */
  sequence: number
  at: number
  route: Policy['credits']
  readonly sequences: Map<Address, number>
  /** Of the accounts, by index. */
  readonly ids: Map<number, string>
  /** Credits less debits by id; the drains under the empty one. */
  readonly creditedWei: Map<string, bigint>
  /** To whom each account is to be paid. */
  readonly payees: Map<string, Payee>
}

export type Landing = {
  readonly block: Block
  readonly event: Committed
  readonly settled: Settled | undefined
  readonly commit: CommitInfo
  readonly inputs: Inputs
  /** Everything paid up to now, by id. */
  readonly paidWei: ReadonlyMap<string, bigint>
  /** The same by recipient. */
  readonly receivedWei: ReadonlyMap<Address, bigint>
}

/** What the checkers show to the actors, and what they want to be told. */
export type Observer = {
  /** Enclaves that were called in this step. */
  readonly changed: Set<Boot>
  /** Looks at everything, as after each step. */
  readonly afterStep: (world: World) => void
  /** A record or chunk left an enclave. */
  readonly sealed: (record: Uint8Array) => void
  readonly landings: { readonly list: readonly Landing[]; readonly sessions: readonly Address[] }
}
