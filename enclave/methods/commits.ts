/** Payouts and the header that accounts for them, signed as one call (protocol sections 4 and 5). */
import { makeCommit } from '../core/commit.ts'
import { write } from '../core/ledger.ts'
import { checkRoom } from '../core/outbox.ts'
import { checkFees, checkMayCommit } from '../core/payout.ts'
import { decideSettle } from '../core/settle.ts'
import type { State, Unlanded } from '../core/state.ts'
import { type Instance, keysOf, nowSeconds, release, stateOf } from '../instance.ts'
import { encodeSignature } from '../keys/secp256k1.ts'
import { signTicket } from '../keys/tickets.ts'
import { encodeAnchorCall } from '../protocol/anchor.ts'
import type { Payout } from '../protocol/entry.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { commitStruct } from '../protocol/header.ts'
import { type Hash, ZERO_HASH } from '../protocol/ids.ts'
import type { CommitResult, ConfirmResult, ReleasedRecord } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { type Wei, wei } from '../protocol/money.ts'
import { packPayouts, payoutsHash, payoutTicket, type TicketRound } from '../protocol/ticket.ts'
import { typedDigest } from '../protocol/typed-data.ts'
import { carry } from './carry.ts'
import { signCheckpoint } from './checkpoint.ts'

type Signing = Pick<ParsedParams<'resign_commit'>, 'skip' | 'round' | 'fees' | 'accountNonce'>

export function prepareCommit(instance: Instance, params: ParsedParams<'prepare_commit'>): CommitResult {
  const state = stateOf(instance)
  checkMayCommit(state)
  checkFees(state, params.fees)
  checkRound(state.policy.strategy === 'ticket' && params.mode === 'pay', params.round)
  checkRoom(instance.outbox)
  const entries = makeCommit(state, params.mode, params.budgetWei, nowSeconds(instance))
  const record = release(instance, entries)
  instance.signatures = 0
  return signCommit(instance, unlandedOf(state), { ...params, skip: [] }, [record])
}

/** The same header with another skip, round, fee or nonce: whatever lands, one lands, since all share one prev. */
export function resignCommit(instance: Instance, params: ParsedParams<'resign_commit'>): CommitResult {
  const state = stateOf(instance)
  const unlanded = unlandedOf(state)
  checkFees(state, params.fees)
  checkRound(
    unlanded.payouts.some((payout) => payout.kind === 'ticket'),
    params.round,
  )
  const spent = instance.signatures
  if (spent >= state.policy.signaturesPerSequenceMax)
    refuse('SIGNATURES_SPENT', `fewer than ${state.policy.signaturesPerSequenceMax}`, spent)
  for (const position of params.skip) {
    if (position >= unlanded.payouts.length)
      refuse('SKIP_INVALID', `a position below ${unlanded.payouts.length}`, position)
  }
  return signCommit(instance, unlanded, params, [])
}

function unlandedOf(state: State): Unlanded {
  if (state.unlanded === null) throw new CodedError('NO_UNLANDED_COMMIT', 'expected an unlanded commit, got none')
  return state.unlanded
}

/** A false hash only makes a ticket that nobody can redeem; a zero one is known not to be redeemable [A24]. */
function checkRound(needed: boolean, round: Signing['round']): void {
  if (needed && (round === null || round.hash === ZERO_HASH || round.number === 0)) {
    refuse('ROUND_INVALID', 'a round with a number and a non-zero hash', round)
  }
}

function signCommit(
  instance: Instance,
  unlanded: Unlanded,
  signing: Signing,
  records: readonly ReleasedRecord[],
): CommitResult {
  const { header, hash, payouts } = unlanded
  const skip = signing.skip.reduce((bits, position) => bits | (1n << BigInt(position)), 0n)
  const packed = payouts.length === 0 ? undefined : packAll(instance, payouts, signing.round)
  const commit = {
    epoch: stateOf(instance).epoch,
    sequence: header.sequence,
    prev: header.prev,
    next: hash,
    payoutsHash: packed === undefined ? ZERO_HASH : payoutsHash(packed, skip),
    balanceRoot: header.balanceRoot,
    logRoot: header.logRoot,
    logSize: header.logSize,
  }
  const signature = encodeSignature(instance.session.sign(typedDigest(instance.ledger, commitStruct(commit))))
  instance.signatures++
  const call = encodeAnchorCall(
    packed === undefined
      ? { kind: 'commit', commit, signature }
      : { kind: 'commitAndPay', commit, payouts: packed, skip, signature },
  )
  return {
    ...carry(instance, call, signing),
    sequence: header.sequence,
    epoch: commit.epoch,
    headerHash: hash,
    mode: packed === undefined ? 'bare' : 'pay',
    payouts: payouts.map((payout, position) => describe(instance, payout, signing.skip.includes(position))),
    signatures: instance.signatures,
    accountNonce: signing.accountNonce,
    maxFeePerGasWei: signing.fees.maxFeePerGasWei,
    records,
  }
}

function describe(instance: Instance, payout: Payout, skipped: boolean): CommitResult['payouts'][number] {
  const { payoutId, account, recipient, kind } = payout
  const orchestratorId = stateOf(instance).accounts[account]?.id ?? ''
  return { payoutId, account, orchestratorId, recipient, amountWei: payout.wei, kind, skipped }
}

/** Tickets first, as the contract reads them; one commit has one kind, since policy names one strategy. */
function packAll(instance: Instance, payouts: readonly Payout[], round: Signing['round']): Uint8Array {
  const [first] = payouts
  const tickets = payouts.filter((payout) => payout.kind === 'ticket')
  const transfers = payouts.filter((payout) => payout.kind === 'transfer')
  return packPayouts({
    round: tickets.length === 0 ? null : round,
    firstPayoutId: first?.payoutId ?? 0,
    tickets: tickets.map((payout) => ({
      recipient: payout.recipient,
      amountWei: payout.wei,
      signature64: signPayout(instance, payout, round as TicketRound),
    })),
    transfers: transfers.map((payout) => ({ recipient: payout.recipient, amountWei: payout.wei })),
  })
}

function signPayout(instance: Instance, payout: Payout, round: TicketRound): Uint8Array {
  const { address, authorityKey } = keysOf(instance)
  const ticket = payoutTicket({
    sender: address,
    session: instance.session.address,
    recipient: payout.recipient,
    amountWei: payout.wei,
    payoutId: payout.payoutId,
    round,
  })
  return signTicket(ticket, authorityKey)
}

/** Settles the unlanded commit as the host says it landed. A lie makes the next commit revert [A9, A10]. */
export function confirmPayout(instance: Instance, params: ParsedParams<'confirm_payout'>): ConfirmResult {
  if ('tx_hash' in params)
    throw new CodedError(
      'METHOD_RETIRED',
      'confirm_payout takes {sequence, bitmap} of the anchor, not a transaction hash',
    )
  const state = stateOf(instance)
  const body = decideSettle(state, params.sequence, params.bitmap)
  checkRoom(instance.outbox)
  const { payouts, header } = unlandedOf(state)
  const record = release(instance, [write(state, 'settle', body, nowSeconds(instance))])
  instance.checkpoint = signCheckpoint(instance, header)
  const paidWei = sumOf(payouts, body.bitmap)
  return {
    head: state.head,
    paidWei,
    returnedWei: wei(sumOf(payouts, null) - paidWei),
    checkpoint: instance.checkpoint,
    records: [record],
  }
}

function sumOf(payouts: readonly Payout[], bitmap: Hash | null): Wei {
  const bits = bitmap === null ? (1n << BigInt(payouts.length)) - 1n : BigInt(bitmap)
  return wei(
    payouts.reduce((sum, payout, position) => sum + (((bits >> BigInt(position)) & 1n) === 1n ? payout.wei : 0n), 0n),
  )
}
