/** An entry's account, and what is credited to it (protocol section 3). */
import { ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import type { Account, CreditUse, Ledger, Replay } from './ledger.ts'
import { addAccount, balanceOf, demand, demandEqual, flagEntry } from './ledger.ts'
import { addTo, withinWei } from './window.ts'

/** The account of an id, made when the id is new; undefined, with a finding, when the index is not its own. */
export function accountOf(replay: Replay, ledger: Ledger, body: { account: number; id: string }): Account | undefined {
  const known = ledger.byId.get(body.id)
  const index = known?.index ?? ledger.accounts.length
  if (!demandEqual(replay, 'ACCOUNT_INDEX', body.id, index, body.account)) return undefined
  if (known !== undefined) return known
  const { accountsMax } = ledger.policy
  demand(
    replay,
    ledger.accounts.length < accountsMax,
    'ACCOUNT_LIMIT',
    body.id,
    `at most ${accountsMax} accounts`,
    ledger.accounts.length + 1,
  )
  return addAccount(ledger, body.id, ZERO_ADDRESS)
}

/** One credit is 1 wei to 2^96 − 1, all together stay below 2^127. True when it was added. */
export function addCredit(replay: Replay, ledger: Ledger, account: Account, amountWei: bigint): boolean {
  const inRange = amountWei > 0n && amountWei < AMOUNT_WEI_LIMIT
  if (!demand(replay, inRange, 'AMOUNT_RANGE', account.id, '1 to 2^96 − 1 wei', amountWei)) return false
  const sum = ledger.creditedWei + amountWei
  if (!demand(replay, sum < LEDGER_WEI_LIMIT, 'AMOUNT_RANGE', 'credited', 'less than 2^127 wei in all', sum))
    return false
  account.creditedWei += amountWei
  ledger.creditedWei = sum
  ledger.touched.add(account)
  return true
}

/** What is reserved or paid is not there to be taken back. */
export function takeBack(replay: Replay, ledger: Ledger, account: Account, amountWei: bigint): void {
  const balance = balanceOf(account)
  const covered = amountWei <= balance
  if (!demand(replay, covered, 'ADJUST_OVERDRAW', account.id, `at most ${balance} wei less`, amountWei)) return
  account.creditedWei -= amountWei
  ledger.creditedWei -= amountWei
  ledger.touched.add(account)
}

/** The account of an id that has one already; undefined, with a finding, when it has not. */
export function knownAccount(
  replay: Replay,
  ledger: Ledger,
  body: { account: number; id: string },
): Account | undefined {
  const account = ledger.byId.get(body.id)
  if (account === undefined) flagEntry(replay, 'ACCOUNT_UNKNOWN', body.id, 'an account', 'none')
  else if (demandEqual(replay, 'ACCOUNT_INDEX', body.id, account.index, body.account)) return account
  return undefined
}

type Caps = Policy['journal']

/** Whether a source may bring so much more now. */
export function demandCaps(replay: Replay, ledger: Ledger, use: CreditUse, caps: Caps, amountWei: bigint): void {
  const { windowSeconds } = ledger.policy
  const { windowWeiMax, lifetimeWeiMax } = caps
  const lifetimeWei = use.creditedWei + amountWei
  const windowWei = withinWei(use.window, replay.at, windowSeconds) + amountWei
  demand(replay, lifetimeWei <= lifetimeWeiMax, 'CREDIT_CAP', 'lifetime', `at most ${lifetimeWeiMax} wei`, lifetimeWei)
  demand(replay, windowWei <= windowWeiMax, 'CREDIT_CAP', 'window', `at most ${windowWeiMax} wei`, windowWei)
}

/** Counts what a source has brought. */
export function countCredit(replay: Replay, ledger: Ledger, use: CreditUse, amountWei: bigint): void {
  use.creditedWei += amountWei
  addTo(use.window, replay.at, ledger.policy.windowSeconds, amountWei)
}
