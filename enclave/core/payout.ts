/** Who is paid next, and how much (protocol section 5). Decisions only. */
import type { Payout } from '../protocol/entry.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { SEQUENCE_MAX } from '../protocol/header.ts'
import type { Address } from '../protocol/ids.ts'
import type { Wei } from '../protocol/money.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT, wei } from '../protocol/money.ts'
import { PAYOUT_ID_LIMIT } from '../protocol/ticket.ts'
import { dueAfter, rest } from './due-index.ts'
import { isPayable, recipientAt } from './recipient.ts'
import { type Account, balanceWei, mayBeDue, type State } from './state.ts'
import { freeAtSeconds, roomWei } from './window.ts'

/** Enough to tell a host that a commit would be full; a ledger with a million due accounts is not added up for a status. */
export const DUE_COUNTED_MAX = 4_096
/** A balance can be large enough and wait all the same; nor are a million of those gone through for a status. */
export const DUE_LOOKED_AT_MAX = 16_384
/** 2^32 divided by the golden ratio, and odd. */
const GOLDEN_RATIO_U32 = 0x9e3779b1

/** Caps that one commit uses up as it grows. */
type Room = { leftWei: bigint; allWei: bigint; readonly promisedWei: Map<Address, bigint> }

/**
 * Due accounts in order of index after the last one served, as far as budget and policy go. A drain is a transfer to
 * account 0: it takes its share first and stands last, since tickets come before transfers [F6].
 */
export function chooseDue(state: State, budgetWei: Wei, atSeconds: number): Payout[] {
  const { policy } = state
  const room = newRoom(state, minOf(budgetWei, policy.commitWeiMax), atSeconds)
  const drainWei = dueOf(state, state.accounts[0] as Account, room, atSeconds)
  room.leftWei -= drainWei
  const turns = policy.payoutsPerCommitMax - (drainWei > 0n ? 1 : 0)
  const chosen: { account: Account; amountWei: bigint }[] = []
  for (const index of dueAfter(state.due, state.servedIndex, atSeconds)) {
    if (chosen.length >= turns || minOf(room.leftWei, room.allWei) < policy.payoutWeiMin) break
    const account = state.accounts[index] as Account
    const amountWei = dueOf(state, account, room, atSeconds)
    if (amountWei === 0n) continue
    take(room, recipientAt(state, account, atSeconds), amountWei)
    chosen.push({ account, amountWei })
  }
  if (drainWei > 0n) chosen.push({ account: state.accounts[0] as Account, amountWei: drainWei })
  return chosen.map(({ account, amountWei }, at) => ({
    payoutId: state.nextPayoutId + at,
    account: account.index,
    recipient: recipientAt(state, account, atSeconds),
    wei: wei(amountWei),
    kind: account.index === 0 ? 'transfer' : policy.strategy,
  }))
}

function newRoom({ policy, paidToAll }: State, leftWei: bigint, atSeconds: number): Room {
  const allWei = roomWei(paidToAll, atSeconds, policy.windowSeconds, policy.rollingWeiMax)
  return { leftWei, allWei, promisedWei: new Map() }
}

function take(room: Room, recipient: Address, amountWei: bigint): void {
  room.leftWei -= amountWei
  room.allWei -= amountWei
  room.promisedWei.set(recipient, (room.promisedWei.get(recipient) ?? 0n) + amountWei)
}

/**
 * What one payout could pay this account now: zero when it is not due, or less than a payout's minimum is left. What costs
 * least comes first, since a million may be passed over.
 */
function dueOf(state: State, account: Account, room: Room, atSeconds: number): bigint {
  const waits = account.retrySequence > state.sequence + 1
  if (waits && account.pending === null) return 0n
  const recipient = recipientAt(state, account, atSeconds)
  // The failures were those of the recipient before.
  if (waits && recipient === account.recipient) return 0n
  const dueWei = account.index === 0 ? drainOf(account, room) : shareOf(state, account, recipient, room, atSeconds)
  return dueWei > 0n && isPayable(state, recipient) ? dueWei : 0n
}

/** Only a quorum credits account 0: payout maximum and windows are not for it [G14]. */
function drainOf(account: Account, room: Room): bigint {
  return minOf(balanceWei(account), room.leftWei, AMOUNT_WEI_LIMIT - 1n)
}

function shareOf(state: State, account: Account, recipient: Address, room: Room, atSeconds: number): bigint {
  if (!mayBeDue(state.policy, account)) return 0n
  const balance = balanceWei(account)
  const { payoutWeiMin, payoutWeiMax, windowSeconds, recipientWindowWeiMax } = state.policy
  const window = state.paidTo.get(recipient) ?? []
  const recipientWei = roomWei(window, atSeconds, windowSeconds, recipientWindowWeiMax)
  if (recipientWei < payoutWeiMin) {
    // A million that were paid up to their window are not gone through at every commit. Another recipient has another window.
    const untilSeconds = freeAtSeconds(window, windowSeconds, recipientWindowWeiMax, payoutWeiMin)
    if (account.pending === null) rest(state.due, account.index, untilSeconds)
    return 0n
  }
  const ownWei = recipientWei - (room.promisedWei.get(recipient) ?? 0n)
  const amountWei = minOf(balance, payoutWeiMax, room.leftWei, room.allWei, ownWei)
  return amountWei < payoutWeiMin ? 0n : amountWei
}

/**
 * How many accounts are due at `atSeconds`, and their sum, each on its own: at most DUE_COUNTED_MAX are counted of
 * DUE_LOOKED_AT_MAX that are looked at, and neither budget nor round is considered.
 */
export function dueTotal(state: State, atSeconds: number): { readonly dueAccounts: number; readonly dueWei: Wei } {
  const room = newRoom(state, LEDGER_WEI_LIMIT, atSeconds)
  let sum = dueOf(state, state.accounts[0] as Account, room, atSeconds)
  let count = sum > 0n ? 1 : 0
  let looked = 0
  for (const index of dueAfter(state.due, lookFrom(state, atSeconds), atSeconds)) {
    if (count >= DUE_COUNTED_MAX || looked++ >= DUE_LOOKED_AT_MAX || room.allWei < state.policy.payoutWeiMin) break
    const due = dueOf(state, state.accounts[index] as Account, room, atSeconds)
    sum += due
    if (due > 0n) count++
  }
  return { dueAccounts: count, dueWei: wei(sum) }
}

/**
 * Every second elsewhere, by the golden ratio: accounts that wait behind a full window or a failed payout, however many,
 * cannot hide for long who is due behind them.
 */
function lookFrom({ accounts }: State, atSeconds: number): number {
  return Math.floor(((Math.imul(atSeconds, GOLDEN_RATIO_U32) >>> 0) / 2 ** 32) * accounts.length)
}

/** Refuses a new commit while another one is unlanded [S9], and at the end of the numbers [A16]. */
export function checkMayCommit(state: State): void {
  if (state.unlanded !== null)
    refuse('COMMIT_UNLANDED', 'no unlanded commit', `sequence ${state.unlanded.header.sequence}`)
  if (state.sequence >= SEQUENCE_MAX) refuse('SEQUENCE_SPENT', `a sequence below ${SEQUENCE_MAX}`, state.sequence)
}

export function checkPayouts(state: State, payouts: readonly Payout[]): void {
  if (payouts.length === 0) throw new CodedError('NOTHING_DUE', 'expected a due account within the budget, got none')
  if (state.nextPayoutId + payouts.length > PAYOUT_ID_LIMIT)
    refuse('SEQUENCE_SPENT', 'payout numbers below 2^32', state.nextPayoutId)
}

/** A bare commit anchors receipts: it waits for the cadence. */
export function checkCadence(state: State, nowSeconds: number): void {
  const earliest = state.lastCommitAt + state.policy.cadenceSeconds
  if (state.lastHeader !== null && Math.max(nowSeconds, state.at) < earliest)
    refuse('CADENCE_EARLY', `at ${earliest} or later`, nowSeconds)
}

/** Caps of policy on what one signature may spend of the gas float. */
export function checkFees(
  state: State,
  fees: { gas: number; maxFeePerGasWei: Wei; maxPriorityFeePerGasWei: Wei },
): void {
  if (fees.gas > state.policy.gasMax) refuse('GAS_CAP', `at most ${state.policy.gasMax} gas`, fees.gas)
  if (fees.maxFeePerGasWei > state.policy.gasPriceWeiMax)
    refuse('GAS_CAP', `maxFeePerGas of at most ${state.policy.gasPriceWeiMax}`, fees.maxFeePerGasWei)
  if (fees.maxPriorityFeePerGasWei > fees.maxFeePerGasWei)
    refuse('GAS_CAP', 'a priority fee within the maximum fee', fees.maxPriorityFeePerGasWei)
}

function minOf(first: bigint, ...others: readonly bigint[]): bigint {
  let least = first
  for (const value of others) if (value < least) least = value
  return least
}
