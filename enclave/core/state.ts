/**
 * The ledger: a fold over the audit log (protocol section 3). A State belongs to whoever folds entries into it: apply
 * changes it in place, because a copy of a million accounts for each event is not affordable. It reads nothing but its
 * arguments, so the same entries always give the same state.
 */
import type { Place } from '../protocol/configuration.ts'
import type { Payout } from '../protocol/entry.ts'
import { CodedError } from '../protocol/errors.ts'
import type { Header } from '../protocol/header.ts'
import type { Address, Hash } from '../protocol/ids.ts'
import { ZERO_ADDRESS } from '../protocol/ids.ts'
import type { Wei } from '../protocol/money.ts'
import { addWei, LEDGER_WEI_LIMIT, subWei, wei } from '../protocol/money.ts'
import type { Policy } from '../protocol/policy.ts'
import { utf8 } from '../protocol/words.ts'
import type { Forest } from './balance-forest.ts'
import { type DueIndex, markDue } from './due-index.ts'
import type { Frontier } from './log-frontier.ts'
import type { Window } from './window.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A change of recipient that waits (protocol section 6) [A14]. */
export type PendingRecipient = {
  readonly recipient: Address
  /** Newest landed sequence, and `at`, of its entry. */
  readonly sequence: number
  readonly at: number
}

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
  /** Number of the newest registration or change that was signed for this account. */
  regSeq: number
  pending: PendingRecipient | null
}

/** An account as the newest header has it. */
export type Committed = Pick<Account, 'recipient' | 'creditedWei' | 'paidWei' | 'reservedWei' | 'lastSeq'>

/** What a source of credits has brought. */
export type CreditUse = { creditedWei: Wei; readonly window: Window }

/** A reporter that the policy names or once named: the sequence goes on where it stopped. */
export type ReporterUse = CreditUse & { nextSeq: number }

/** The newest header while nobody has said whether it landed. */
export type Unlanded = { readonly header: Header; readonly hash: Hash; readonly payouts: readonly Payout[] }

export type State = {
  readonly configuration: Place
  readonly ledgerId: Hash
  imageDigest: Hash
  authority: Address
  logKey: Hash
  config: Hash
  policy: Policy
  policyHash: Hash
  policyVersion: number
  readonly accounts: Account[]
  readonly byId: Map<string, Account>
  /** Accounts that differ from the newest header, as they stand in it: undefined for one that it does not hold. */
  readonly touched: Map<number, Committed | undefined>
  readonly due: DueIndex
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
  readonly reporters: Map<Address, ReporterUse>
  readonly journalUse: CreditUse
  /** Payouts that landed, by recipient and in all; drains count in neither. */
  readonly paidTo: Map<Address, Window>
  readonly paidToAll: Window
  /** Numbers of the newest adjustment and drain. */
  adjustSeq: number
  drainSeq: number
}

/** The amount that is owed and not on its way. */
export function balanceWei(account: Account): Wei {
  return wei(account.creditedWei - account.paidWei - account.reservedWei)
}

/** Replayed bytes that do not continue this state: refused, since a host supplies them at load. */
export function demand(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new CodedError('STATE_MISMATCH', `the entry does not follow from the state: expected ${claim}`)
}

/** The account, about to be changed: keeps how the newest header has it. */
export function touch(state: State, index: number): Account {
  const account = state.accounts[index]
  if (account === undefined) demand(false, `an account ${index}`)
  if (!state.touched.has(index))
    state.touched.set(index, index < state.forest.leaves ? committedOf(account) : undefined)
  return account
}

function committedOf({ recipient, creditedWei, paidWei, reservedWei, lastSeq }: Account): Committed {
  return { recipient, creditedWei, paidWei, reservedWei, lastSeq }
}

/** A new account without recipient at the next index. */
export function openAccount(state: State, id: string): Account {
  const account: Account = {
    index: state.accounts.length,
    id: ownText(id),
    recipient: ZERO_ADDRESS,
    creditedWei: wei(0n),
    paidWei: wei(0n),
    reservedWei: wei(0n),
    lastSeq: 0,
    failures: 0,
    retrySequence: 0,
    regSeq: 0,
    pending: null,
  }
  state.accounts.push(account)
  state.byId.set(account.id, account)
  state.accountsWithoutRecipient++
  state.touched.set(account.index, undefined)
  return account
}

/** One that is cut out of a journal line would keep the line in memory, and be read through it at every lookup. */
function ownText(text: string): string {
  return decoder.decode(utf8(text))
}

/** Another recipient begins without the failures of the one before. The account must be touched before. */
export function pinRecipient(state: State, account: Account, recipient: Address): void {
  if (account.recipient === ZERO_ADDRESS) state.accountsWithoutRecipient--
  account.recipient = recipient
  account.pending = null
  account.failures = 0
  account.retrySequence = 0
  noteDue(state, account)
}

/** Adds to what is owed, and to the ledger's total. The account must be touched before. */
export function creditAccount(state: State, account: Account, amountWei: Wei): void {
  demand(state.creditedWei + amountWei < LEDGER_WEI_LIMIT, 'a ledger total below 2^127')
  account.creditedWei = addWei(account.creditedWei, amountWei)
  state.creditedWei = addWei(state.creditedWei, amountWei)
  noteDue(state, account)
}

/** Takes away what is owed and not on its way. The account must be touched before. */
export function debitAccount(state: State, account: Account, amountWei: Wei): void {
  demand(balanceWei(account) >= amountWei, 'a balance that covers the adjustment')
  account.creditedWei = subWei(account.creditedWei, amountWei)
  state.creditedWei = subWei(state.creditedWei, amountWei)
  noteDue(state, account)
}

/** Keeps the index of due accounts true; after every change of a balance or a recipient, also of one that waits. */
export function noteDue(state: State, account: Account): void {
  if (account.index > 0) markDue(state.due, account.index, mayBeDue(state.policy, account))
}

/** Whether an account could be paid as far as its balance and policy go; windows and back-off change without an entry. */
export function mayBeDue(policy: Policy, account: Account): boolean {
  if (account.recipient === ZERO_ADDRESS) return false
  const balance = balanceWei(account)
  return balance >= policy.thresholdWei && balance >= policy.payoutWeiMin
}

/** After a change of the policy, and at load. */
export function rebuildDue(state: State): void {
  for (const account of state.accounts) noteDue(state, account)
}
