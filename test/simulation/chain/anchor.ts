/**
 * A model of LedgerAnchor: the same checks in the same order, under the same names. It is written from protocol section 4;
 * in every hundredth world each call it answers is run again by the compiled contract.
 */
import { keccak256 } from '../../../enclave/protocol/hash.ts'
import { type Address, type Hash, toHash, ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { Payouts } from '../../../enclave/protocol/ticket.ts'
import { concatBytes, hashWord, uintWord } from '../../../enclave/protocol/words.ts'
import { fundTickets, redeemOurs } from './broker.ts'
import { Reverted } from './reverted.ts'
import { FREEZE_SECONDS_MAX, type Rules } from './rules.ts'
import {
  type BrokerBody,
  type CallInfo,
  type ChainState,
  depositOf,
  type EventBody,
  type Outcome,
  type Reentry,
} from './state.ts'

type Moment = {
  readonly state: ChainState
  readonly rules: Rules
  readonly atSeconds: number
  /** Too little gas for a transfer. */
  readonly isStarved?: boolean
  /** A payee calls out of a call that has not ended. */
  readonly isEntered?: boolean
}

function require(holds: boolean, error: string): void {
  if (!holds) throw new Reverted(error)
}

/** Runs one call on `state`, which the caller drops when it reverts. */
export function callAnchor(moment: Moment, call: CallInfo): Outcome {
  require(moment.isEntered !== true, 'AnchorReentered')
  switch (call.decoded.kind) {
    case 'openSession':
      return openSession(moment, call, call.decoded)
    case 'rotateAuthority':
      return rotateAuthority(moment, call, call.decoded)
    case 'commit':
      return commit(moment, call, call.decoded)
    case 'commitAndPay':
      return commitAndPay(moment, call, call.decoded)
  }
}

export function isFrozen({ state, atSeconds }: Pick<Moment, 'state' | 'atSeconds'>): boolean {
  return state.frozenAt !== 0 && atSeconds < state.frozenAt + FREEZE_SECONDS_MAX
}

type Kind<K extends CallInfo['decoded']['kind']> = Extract<CallInfo['decoded'], { kind: K }>

function openSession({ state }: Moment, call: CallInfo, { open }: Kind<'openSession'>): Outcome {
  require(state.authority !== ZERO_ADDRESS, 'AnchorNoAuthority')
  require(open.epoch === state.epoch + 1, 'AnchorWrongEpoch')
  require(open.head === state.head, 'AnchorStaleHead')
  require(open.session !== ZERO_ADDRESS, 'AnchorNoSession')
  require(open.session !== state.session, 'AnchorSessionUsed')
  require(call.signer === state.authority, 'AnchorBadSignature')
  state.epoch = open.epoch
  state.session = open.session
  return { kind: 'done', events: [{ kind: 'session', ...open }], broker: [] }
}

/** A compare-and-swap too: the next authority starts without a session, so there are never two. */
function rotateAuthority(moment: Moment, call: CallInfo, { rotate }: Kind<'rotateAuthority'>): Outcome {
  const { state } = moment
  require(!isFrozen(moment), 'AnchorFrozen')
  require(rotate.newAuthority !== ZERO_ADDRESS, 'AnchorNoAuthority')
  require(rotate.newAuthority === state.approvedAuthority, 'AnchorNotApproved')
  require(rotate.epoch === state.epoch + 1, 'AnchorWrongEpoch')
  require(rotate.head === state.head, 'AnchorStaleHead')
  require(call.signer === state.authority, 'AnchorBadSignature')
  state.authority = rotate.newAuthority
  state.approvedAuthority = ZERO_ADDRESS
  state.session = ZERO_ADDRESS
  state.epoch++
  const rotated: EventBody = { kind: 'rotated', epoch: state.epoch, authority: rotate.newAuthority }
  return { kind: 'done', events: [rotated], broker: [] }
}

/** The compare-and-swap. */
function requireNext(moment: Moment, call: CallInfo, { commit }: Kind<'commit' | 'commitAndPay'>, hash: Hash): void {
  const { state } = moment
  require(!isFrozen(moment), 'AnchorFrozen')
  require(state.session !== ZERO_ADDRESS, 'AnchorNoSession')
  require(commit.epoch === state.epoch, 'AnchorWrongEpoch')
  require(commit.sequence === state.sequence + 1, 'AnchorWrongSequence')
  require(commit.prev === state.head, 'AnchorStaleHead')
  require(call.signer === state.session, 'AnchorBadSignature')
  require(commit.payoutsHash === hash, 'AnchorWrongPayouts')
}

function commit(moment: Moment, call: CallInfo, decoded: Kind<'commit'>): Outcome {
  requireNext(moment, call, decoded, ZERO_HASH)
  const { state } = moment
  const { next, sequence } = decoded.commit
  state.sequence = sequence
  state.head = next
  state.committed = { next, bitmap: null, sequence }
  return { kind: 'done', events: [committedEvent(decoded)], broker: [] }
}

function commitAndPay(moment: Moment, call: CallInfo, decoded: Kind<'commitAndPay'>): Outcome {
  requireNext(moment, call, decoded, call.payoutsHash)
  const { state } = moment
  const { next, sequence } = decoded.commit
  if (call.payouts === undefined) throw new Reverted('AnchorPayoutLength')
  const count = call.payouts.tickets.length + call.payouts.transfers.length
  require(decoded.skip >> BigInt(count) === 0n, 'AnchorSkip')
  state.sequence = sequence
  const { bitmap, broker, reentries, inner } = pay(moment, call.payouts, decoded.skip)
  state.head = foldedHead(next, bitmap)
  state.committed = { next, bitmap, sequence }
  const settled: EventBody = { kind: 'settled', sequence, bitmap, head: state.head }
  return { kind: 'done', events: [...inner, committedEvent(decoded), settled], broker, reentries }
}

/** keccak256(abi.encode(next, bitmap)): what was paid is part of what the next commit has to match. */
export function foldedHead(next: Hash, bitmap: bigint): Hash {
  return toHash(keccak256(concatBytes(hashWord(next), uintWord(bitmap))))
}

function committedEvent({ commit }: Kind<'commit' | 'commitAndPay'>): EventBody {
  const { epoch, sequence, prev, next, balanceRoot, logRoot, logSize } = commit
  return { kind: 'committed', epoch, sequence, prev, next, balanceRoot, logRoot, logSize }
}

type Paid = Transferred & { readonly broker: readonly BrokerBody[] }
type Transferred = { bitmap: bigint; readonly reentries: Reentry[]; readonly inner: EventBody[] }

function pay(moment: Moment, payouts: Payouts, skip: bigint): Paid {
  const { state, rules } = moment
  const all = [...payouts.tickets, ...payouts.transfers]
  const never = [rules.ledger.anchor, rules.broker, state.authority]
  let sumWei = 0n
  let bitmap = 0n
  for (const [position, { recipient, amountWei }] of all.entries()) {
    if (((skip >> BigInt(position)) & 1n) === 1n) continue
    if (never.includes(recipient)) throw new Reverted('AnchorRecipient', position)
    sumWei += amountWei
    bitmap |= 1n << BigInt(position)
  }
  require(state.treasuryWei >= sumWei, 'AnchorUnderfunded')
  const broker = payTickets(moment, payouts, bitmap)
  return { ...payTransfers(moment, payouts, bitmap), broker }
}

/** The deposit found before is a donation: it has to be there again afterwards. */
function payTickets({ state, rules }: Moment, payouts: Payouts, bitmap: bigint): BrokerBody[] {
  const paid = payouts.tickets.flatMap((ticket, position) =>
    ((bitmap >> BigInt(position)) & 1n) === 1n ? [{ ticket, position }] : [],
  )
  const sumWei = paid.reduce((sum, { ticket }) => sum + ticket.amountWei, 0n)
  if (sumWei === 0n) return []
  const depositWei = depositOf(state, state.authority)
  fundTickets(state, sumWei)
  const events: BrokerBody[] = []
  for (const { ticket, position } of paid) events.push(...redeemOurs(state, rules, payouts, ticket, position))
  require(depositOf(state, state.authority) === depositWei, 'AnchorDepositChanged')
  return events
}

/** A transfer that fails is a bit 0; a ticket that fails takes the whole call with it. */
function payTransfers(moment: Moment, payouts: Payouts, bits: bigint): Transferred {
  const { state } = moment
  const paid: Transferred = { bitmap: bits, reentries: [], inner: [] }
  for (const [at, { recipient, amountWei }] of payouts.transfers.entries()) {
    const bit = 1n << BigInt(payouts.tickets.length + at)
    if ((bits & bit) === 0n) continue
    require(moment.isStarved !== true, 'AnchorGas')
    if (!state.payable.has(recipient)) {
      paid.bitmap &= ~bit
      continue
    }
    state.treasuryWei -= amountWei
    const received = (state.receivedWei.get(recipient) ?? 0n) + amountWei
    state.receivedWei = new Map(state.receivedWei).set(recipient, received)
    const call = state.reentering.get(recipient)
    if (call !== undefined) reenter(moment, recipient, call, paid)
  }
  return paid
}

/** The payee swallows whatever its call is answered: it has been paid. */
function reenter(moment: Moment, recipient: Address, call: CallInfo, { reentries, inner }: Transferred): void {
  const { kind } = call.decoded
  const before = { ...moment.state }
  try {
    const outcome = callAnchor({ ...moment, isEntered: true }, call)
    if (outcome.kind === 'done') inner.push(...outcome.events)
    reentries.push({ recipient, kind, error: null })
  } catch (error) {
    if (!(error instanceof Reverted)) throw error
    Object.assign(moment.state, before)
    reentries.push({ recipient, kind, error: error.error })
  }
}
