/**
 * The ledger: a fold over the audit log (protocol section 3). A State belongs to whoever folds entries into it: apply
 * changes it in place, because a copy of a million accounts for each event is not affordable. It reads nothing but its
 * arguments, so the same entries always give the same state.
 */
import type { Configuration } from '../protocol/configuration.ts'
import type { Payout } from '../protocol/entry.ts'
import { CodedError } from '../protocol/errors.ts'
import type { Header } from '../protocol/header.ts'
import type { Address, Hash } from '../protocol/ids.ts'
import { ZERO_ADDRESS } from '../protocol/ids.ts'
import type { Wei } from '../protocol/money.ts'
import { wei } from '../protocol/money.ts'
import type { Policy } from '../protocol/policy.ts'
import type { Forest } from './balance-forest.ts'
import type { Frontier } from './log-frontier.ts'

export type Account = {
  readonly index: number
  /** The orchestratorId; empty for account 0 alone, which no input can name [G14]. */
  readonly id: string
  /** Zero until registered: credits accrue, payouts wait. */
  recipient: Address
  creditedWei: Wei
  paidWei: Wei
  reservedWei: Wei
  /** Sequence of the header that first contains the newest change. */
  lastSeq: number
  /** Payouts in a row that did not land; the next try waits until `retrySequence`. */
  failures: number
  retrySequence: number
}

/** The newest header while nobody has said whether it landed. */
export type Unlanded = { readonly header: Header; readonly hash: Hash; readonly payouts: readonly Payout[] }

export type State = {
  readonly configuration: Configuration
  readonly ledgerId: Hash
  readonly imageDigest: Hash
  authority: Address
  logKey: Hash
  config: Hash
  policy: Policy
  policyHash: Hash
  policyVersion: number
  readonly accounts: Account[]
  readonly byId: Map<string, Account>
  /** Accounts that differ from the newest header, with their leaf in it: undefined for one that it does not hold. */
  readonly touched: Map<number, Uint8Array | undefined>
  forest: Forest
  log: Frontier
  lastLeafHash: Uint8Array
  /** Never decreases; windows and delays are judged by it, never by a clock. */
  at: number
  epoch: number
  /** The value that the next header's prev must have: the anchor's head, as far as this state was told. */
  head: Hash
  /** Sequence of the newest landed header. */
  sequence: number
  /** Payouts of a reserve entry whose commit entry follows at once. */
  reserving: readonly Payout[] | null
  unlanded: Unlanded | null
  lastHeader: Header | null
  lastCommitAt: number
  creditedWei: Wei
  paidWei: Wei
  reservedWei: Wei
  journalSize: number
  journalHead: Uint8Array
  nextPayoutId: number
  /** Index of the account that was served last: the next choice starts after it. */
  servedIndex: number
  /** Register and credit entries that the genesis entry announced and that have not come yet. */
  genesisLeft: { roster: number; openings: number }
  accountsWithoutRecipient: number
}

/** The amount that is owed and not on its way. */
export function balanceWei(account: Account): Wei {
  return wei(account.creditedWei - account.paidWei - account.reservedWei)
}

/** Replayed bytes that do not continue this state: refused, since a host supplies them at load. */
export function demand(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new CodedError('STATE_MISMATCH', `the entry does not follow from the state: expected ${claim}`)
}

/** The account, marked as changed since the newest header. */
export function touch(state: State, index: number): Account {
  const account = state.accounts[index]
  demand(account !== undefined, `an account ${index}`)
  if (!state.touched.has(index)) state.touched.set(index, committedLeaf(state, index))
  return account
}

/** A new account without recipient at the next index. */
export function openAccount(state: State, id: string): Account {
  const account: Account = {
    index: state.accounts.length,
    id,
    recipient: ZERO_ADDRESS,
    creditedWei: wei(0n),
    paidWei: wei(0n),
    reservedWei: wei(0n),
    lastSeq: 0,
    failures: 0,
    retrySequence: 0,
  }
  state.accounts.push(account)
  state.byId.set(id, account)
  state.accountsWithoutRecipient++
  state.touched.set(account.index, undefined)
  return account
}

export function pinRecipient(state: State, account: Account, recipient: Address): void {
  if (account.recipient === ZERO_ADDRESS) state.accountsWithoutRecipient--
  account.recipient = recipient
}

function committedLeaf(state: State, index: number): Uint8Array | undefined {
  const leaves = state.forest.levels[0]
  if (leaves === undefined || index >= state.forest.leaves) return undefined
  return leaves.slice(index * 32, index * 32 + 32)
}
