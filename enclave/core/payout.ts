/** Who is paid next, and how much (protocol section 5). Decisions only. */
import type { Payout } from '../protocol/entry.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { SEQUENCE_MAX } from '../protocol/header.ts'
import { ZERO_ADDRESS } from '../protocol/ids.ts'
import type { Wei } from '../protocol/money.ts'
import { wei } from '../protocol/money.ts'
import { PAYOUT_ID_LIMIT } from '../protocol/ticket.ts'
import { type Account, balanceWei, type State } from './state.ts'

/** Due accounts in order of index after the last one served, as far as the budget and the policy go. */
export function chooseDue(state: State, budgetWei: Wei): Payout[] {
  const { policy, accounts } = state
  const payouts: Payout[] = []
  let leftWei = minWei(budgetWei, policy.commitWeiMax)
  for (let step = 1; step <= accounts.length && payouts.length < policy.payoutsPerCommitMax; step++) {
    const account = accounts[(state.servedIndex + step) % accounts.length] as Account
    const amountWei = minWei(dueWei(state, account), leftWei)
    if (amountWei < minimumWei(state, account)) continue
    payouts.push({
      payoutId: state.nextPayoutId + payouts.length,
      account: account.index,
      recipient: account.recipient,
      wei: amountWei,
      kind: policy.strategy,
    })
    leftWei = wei(leftWei - amountWei)
  }
  return payouts
}

/** What one payout could pay this account now: zero when it is not due. The treasury owner has no maximum [G14]. */
export function dueWei(state: State, account: Account): Wei {
  const balance = balanceWei(account)
  if (account.recipient === ZERO_ADDRESS || account.retrySequence > state.sequence + 1) return wei(0n)
  if (account.index === 0) return balance
  if (balance < state.policy.thresholdWei || balance < state.policy.payoutWeiMin) return wei(0n)
  return minWei(balance, state.policy.payoutWeiMax)
}

function minimumWei(state: State, account: Account): Wei {
  return account.index === 0 ? wei(1n) : state.policy.payoutWeiMin
}

/** How many accounts are due, and their sum; budget and round are not considered. */
export function dueTotal(state: State): { readonly dueAccounts: number; readonly dueWei: Wei } {
  let sum = 0n
  let count = 0
  for (const account of state.accounts) {
    const due = dueWei(state, account)
    if (due >= minimumWei(state, account)) {
      sum += due
      count++
    }
  }
  return { dueAccounts: count, dueWei: wei(sum) }
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

function minWei(left: Wei, right: Wei): Wei {
  return left < right ? left : right
}
