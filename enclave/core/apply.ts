/**
 * state' = apply(state, entry): how each entry changes the ledger (protocol section 3). Entries come from our own
 * decisions, or from a host that loads a state: whatever does not follow is refused as STATE_MISMATCH, and the caller
 * drops the half-changed state whole.
 */
import type { Body, Entry, Payout } from '../protocol/entry.ts'
import { assertNever, CodedError } from '../protocol/errors.ts'
import { foldHead, headerHash } from '../protocol/header.ts'
import { ZERO_ADDRESS } from '../protocol/ids.ts'
import { addWei, subWei, type Wei } from '../protocol/money.ts'
import {
  applyAdjust,
  applyCredit,
  applyCredits,
  applyPolicy,
  applyRefuse,
  applyRegister,
  applyReset,
} from './apply-inputs.ts'
import { closeHeader } from './header-of.ts'
import { ripenRecipient } from './recipient.ts'
import { type Account, balanceWei, demand, noteDue, type State, touch } from './state.ts'
import { spend } from './window.ts'

export function apply(state: State, entry: Entry): void {
  demand(entry.at >= state.at, `at of ${state.at} or later`)
  demand(entry.i === state.log.size, `index ${state.log.size}`)
  state.at = entry.at
  applyBody(state, entry)
}

function applyBody(state: State, entry: Entry): void {
  switch (entry.type) {
    case 'register':
      return applyRegister(state, entry.body)
    case 'credit':
      return applyCredit(state, entry.body)
    case 'adjust':
      return applyAdjust(state, entry.body)
    case 'refuse':
      return applyRefuse(state, entry.body)
    case 'reserve':
      return applyReserve(state, entry.body)
    case 'commit':
      return applyCommit(state, entry.body, entry.at)
    case 'settle':
      return applySettle(state, entry.body)
    case 'void':
      return applyVoid(state, entry.body)
    case 'open':
      return applyOpen(state, entry.body)
    case 'policy':
      return applyPolicy(state, entry.body)
    case 'credits':
      return applyCredits(state, entry.body)
    case 'rotate':
      return applyRotate(state, entry.body)
    case 'reset':
      return applyReset(state, entry.body)
    case 'genesis':
    case 'note':
      // Genesis makes a state and never changes one; nothing here writes notes, so none may stand in a log.
      throw new CodedError('STATE_MISMATCH', `expected an entry that changes the ledger, got ${entry.type}`)
    default:
      assertNever(entry)
  }
}

function applyReserve(state: State, body: Body<'reserve'>): void {
  demand(state.unlanded === null && state.reserving === null, 'no unlanded commit')
  demand(body.sequence === state.sequence + 1 && body.payouts.length > 0, `payouts of sequence ${state.sequence + 1}`)
  for (const payout of body.payouts) {
    demand(payout.payoutId === state.nextPayoutId, `payout ${state.nextPayoutId}`)
    const account = touch(state, payout.account)
    ripenRecipient(state, account)
    demand(account.recipient === payout.recipient && payout.recipient !== ZERO_ADDRESS, 'the pinned recipient')
    demand(payout.wei > 0n && balanceWei(account) >= payout.wei, 'a balance that covers the payout')
    account.reservedWei = addWei(account.reservedWei, payout.wei)
    state.reservedWei = addWei(state.reservedWei, payout.wei)
    noteDue(state, account)
    state.nextPayoutId++
    // A drain is no turn in the ring.
    if (account.index > 0) state.servedIndex = account.index
  }
  state.reserving = body.payouts
}

function applyCommit(state: State, body: Body<'commit'>, at: number): void {
  demand(state.unlanded === null, 'no unlanded commit')
  const header = closeHeader(state)
  const hash = headerHash(header)
  demand(hash === body.hash && hash === headerHash(body.header), `header ${hash}`)
  state.unlanded = { header, hash, payouts: state.reserving ?? [] }
  state.reserving = null
  state.lastHeader = header
  state.lastCommitAt = at
}

function applySettle(state: State, body: Body<'settle'>): void {
  const { unlanded } = state
  demand(unlanded !== null && body.sequence === unlanded.header.sequence, 'the unlanded sequence')
  demand((body.bitmap === null) === (unlanded.payouts.length === 0), 'a bitmap exactly where there are payouts')
  const bitmap = body.bitmap === null ? 0n : BigInt(body.bitmap)
  const head = body.bitmap === null ? unlanded.hash : foldHead(unlanded.hash, bitmap)
  demand(body.head === head, `head ${head}`)
  demand(bitmap >> BigInt(unlanded.payouts.length) === 0n, 'no bit past the last payout')
  for (const [position, payout] of unlanded.payouts.entries()) {
    const paid = ((bitmap >> BigInt(position)) & 1n) === 1n
    const account = releaseReserve(state, payout.account, payout.wei)
    if (paid) settlePaid(state, account, payout)
    noteDue(state, account)
    // One that was replaced while its payout was on its way says nothing of its successor.
    if (account.recipient === payout.recipient) noteOutcome(state, account, paid, unlanded.header.sequence)
  }
  state.head = head
  state.sequence = unlanded.header.sequence
  state.unlanded = null
}

function settlePaid(state: State, account: Account, payout: Payout): void {
  account.paidWei = addWei(account.paidWei, payout.wei)
  state.paidWei = addWei(state.paidWei, payout.wei)
  if (account.index === 0) return
  const { windowSeconds } = state.policy
  const window = state.paidTo.get(payout.recipient) ?? []
  state.paidTo.set(payout.recipient, window)
  spend(window, state.at, windowSeconds, payout.wei)
  spend(state.paidToAll, state.at, windowSeconds, payout.wei)
}

/** After k failures in a row an account waits 2^k sequences, up to the policy's bound [S13]. */
function noteOutcome(state: State, account: Account, paid: boolean, sequence: number): void {
  account.failures = paid ? 0 : account.failures + 1
  const wait = Math.min(2 ** Math.min(account.failures, 30), state.policy.backoffSequencesMax)
  account.retrySequence = paid ? 0 : sequence + wait
}

function applyVoid(state: State, body: Body<'void'>): void {
  const { unlanded } = state
  demand(unlanded !== null && body.sequence === unlanded.header.sequence, 'the unlanded sequence')
  demand(body.head === unlanded.header.prev, 'the head before it')
  for (const payout of unlanded.payouts) noteDue(state, releaseReserve(state, payout.account, payout.wei))
  state.unlanded = null
}

function releaseReserve(state: State, index: number, amount: Wei): Account {
  const account = touch(state, index)
  account.reservedWei = subWei(account.reservedWei, amount)
  state.reservedWei = subWei(state.reservedWei, amount)
  return account
}

function applyOpen(state: State, body: Body<'open'>): void {
  demand(state.unlanded === null && state.reserving === null, 'no unlanded commit')
  demand(body.head === state.head, `head ${state.head}`)
  demand(body.epoch > state.epoch, `an epoch after ${state.epoch}`)
  state.epoch = body.epoch
  state.imageDigest = body.imageDigest
}

/** A new enclave goes on with this ledger: the contract proves its authority, a quorum the rest [G5]. */
function applyRotate(state: State, body: Body<'rotate'>): void {
  demand(state.unlanded === null && state.reserving === null, 'no unlanded commit')
  demand(body.epoch >= state.epoch, `an epoch of ${state.epoch} or later`)
  state.authority = body.authority
  state.logKey = body.logKey
  state.config = body.config
  state.imageDigest = body.imageDigest
}
