/** The accounts of a snapshot in one pass: the state, its sums, who is due, and the leaves of the newest header. */
import { refuse } from '../protocol/errors.ts'
import { ZERO_ADDRESS } from '../protocol/ids.ts'
import { LEDGER_WEI_LIMIT, type Wei, ZERO_WEI } from '../protocol/money.ts'
import type { Policy } from '../protocol/policy.ts'
import { appendLeaves, newForest, sweepForest } from './balance-forest.ts'
import { markDue, newDueIndex } from './due-index.ts'
import { leafFields } from './header-of.ts'
import { addLeaf, type LeafBatch, newLeafBatch, takeLeaves } from './leaf-batch.ts'
import { ACCOUNTS_PER_PART, decodeAccounts } from './snapshot-accounts.ts'
import type { Head } from './snapshot-format.ts'
import { type Account, type Committed, mayBeDue, type State } from './state.ts'

/** What of a state follows from its accounts. */
export type AccountsRead = Pick<
  State,
  | 'accounts'
  | 'byId'
  | 'touched'
  | 'forest'
  | 'due'
  | 'creditedWei'
  | 'paidWei'
  | 'reservedWei'
  | 'accountsWithoutRecipient'
>

export type AccountsReading = {
  readonly read: AccountsRead
  readonly policy: Policy
  /** Accounts that the newest header holds: the first ones. */
  readonly held: number
  readonly batch: LeafBatch
}

export function beginAccounts({ treeDepth, lastHeader, policy, accounts }: Head): AccountsReading {
  const read: AccountsRead = {
    accounts: [],
    byId: new Map(),
    touched: new Map(),
    forest: newForest(treeDepth),
    due: newDueIndex(),
    creditedWei: ZERO_WEI,
    paidWei: ZERO_WEI,
    reservedWei: ZERO_WEI,
    accountsWithoutRecipient: 0,
  }
  const batch = newLeafBatch(Math.min(accounts, ACCOUNTS_PER_PART))
  return { read, policy, held: lastHeader?.accounts ?? 0, batch }
}

/** The next part, of so many accounts. Refuses STATE_MISMATCH. */
export function readAccounts(reading: AccountsReading, part: Uint8Array, count: number): void {
  const { read, batch } = reading
  decodeAccounts(part, read.accounts.length, count, (account, committed) => takeAccount(reading, account, committed))
  appendLeaves(read.forest, takeLeaves(batch))
}

/** All parts were read: every node above the leaves is hashed again. Refuses STATE_MISMATCH. */
export function endAccounts({ read }: AccountsReading): AccountsRead {
  const named = read.accounts.length - 1
  if (read.byId.size !== named) refuse('STATE_MISMATCH', `${named} accounts with ids of their own`, read.byId.size)
  if (read.creditedWei >= LEDGER_WEI_LIMIT) refuse('STATE_MISMATCH', 'a ledger total below 2^127', read.creditedWei)
  sweepForest(read.forest)
  return read
}

function takeAccount({ read, policy, held, batch }: AccountsReading, account: Account, committed?: Committed): void {
  const { index } = account
  if (account.creditedWei < account.paidWei + account.reservedWei)
    refuse('STATE_MISMATCH', `credits of account ${index} above what was paid and reserved`, account.creditedWei)
  read.accounts.push(account)
  // Account 0 has no id that an input could name.
  if (index > 0) read.byId.set(account.id, account)
  if (index < held) addLeaf(batch, leafFields(account, committed ?? account))
  else if (committed !== undefined)
    refuse('STATE_MISMATCH', `nothing of account ${index} in the newest header`, 'fields')
  if (index >= held || committed !== undefined) read.touched.set(index, committed)
  if (account.recipient === ZERO_ADDRESS) read.accountsWithoutRecipient++
  else if (index > 0 && mayBeDue(policy, account)) markDue(read.due, index, true)
  addUp(read, account)
}

/** Unchecked until all is read: what goes beyond an amount stays a number. */
function addUp(read: AccountsRead, { creditedWei, paidWei, reservedWei }: Account): void {
  read.creditedWei = (read.creditedWei + creditedWei) as Wei
  if (paidWei !== ZERO_WEI) read.paidWei = (read.paidWei + paidWei) as Wei
  if (reservedWei !== ZERO_WEI) read.reservedWei = (read.reservedWei + reservedWei) as Wei
}
