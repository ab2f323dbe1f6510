/** Each bit of a settlement beside what really moved: the call's own arguments and the broker's events (protocol section 4). */
import type { Payout } from '../enclave/protocol/entry.ts'
import type { Address, Hash } from '../enclave/protocol/ids.ts'
import type { BrokerEvent, Call, ChainFacts, Notice, Settled } from './chain-facts.ts'
import type { Findings } from './naive/finding.ts'
import { flag } from './naive/finding.ts'

/** One settlement on chain and the payouts that the ledger reserved for it. */
export type Settlement = { readonly event: Settled; readonly payouts: readonly Payout[]; readonly authority: Address }

type Judge = { readonly findings: Findings; readonly notices: Notice[]; readonly facts: ChainFacts }

export function isPaid(bitmap: bigint, position: number): boolean {
  return (bitmap >> BigInt(position)) % 2n === 1n
}

/** Judges every settlement, and names tickets of the authority that were redeemed anywhere else. */
export function judgePayments(judge: Judge, settlements: readonly Settlement[]): void {
  for (const settlement of settlements) judgeCall(judge, settlement)
  const byTransaction = Map.groupBy(settlements, ({ event }) => event.transaction)
  const events = Map.groupBy(judge.facts.brokerEvents, ({ transaction }) => transaction)
  for (const [transaction, group] of byTransaction) {
    judgeTickets(judge, transaction, group, events.get(transaction) ?? [])
  }
}

function judgeCall(judge: Judge, settlement: Settlement): void {
  const { event, payouts } = settlement
  const call = judge.facts.calls.get(event.transaction)
  if (call === undefined) {
    judge.notices.push({ code: 'CALL_INDIRECT', subject: `sequence ${event.sequence}`, text: event.transaction })
    noteUnpaid(judge, settlement, 0n)
    return
  }
  const called = payoutsOf(call)
  if (called.length !== payouts.length) {
    flag(judge.findings, 'CALL_PAYOUTS', at(event), `${payouts.length} payouts`, `${called.length} payouts`)
  }
  for (const [position, payout] of payouts.entries())
    judgePosition(judge, event, call, payout, called[position], position)
  noteUnpaid(judge, settlement, call.skip)
}

type Called = Pick<Payout, 'payoutId' | 'recipient' | 'wei' | 'kind'>

/** The call's payouts in the order of their bits: tickets, then transfers. */
function payoutsOf({ payouts }: Call): Called[] {
  const { firstPayoutId, tickets, transfers } = payouts
  return [...tickets, ...transfers].map(({ recipient, amountWei }, position) => ({
    payoutId: firstPayoutId + position,
    recipient,
    wei: amountWei,
    kind: position < tickets.length ? 'ticket' : 'transfer',
  }))
}

function judgePosition(
  judge: Judge,
  event: Settled,
  call: Call,
  payout: Payout,
  called: Called | undefined,
  position: number,
): void {
  const paid = isPaid(event.bitmap, position)
  const skipped = isPaid(call.skip, position)
  if (called === undefined || describe(called) !== describe(payout)) {
    flag(
      judge.findings,
      'CALL_PAYOUTS',
      at(event, payout),
      describe(payout),
      called === undefined ? 'nothing' : describe(called),
    )
  }
  // A ticket is paid or skipped; a transfer that is not skipped may still fail.
  const follows = payout.kind === 'ticket' ? paid !== skipped : !(paid && skipped)
  if (!follows)
    flag(judge.findings, 'CALL_SKIP', at(event, payout), skipped ? 'bit 0' : 'bit 1', paid ? 'bit 1' : 'bit 0')
}

function noteUnpaid(judge: Judge, { event, payouts }: Settlement, skip: bigint): void {
  for (const [position, payout] of payouts.entries()) {
    if (isPaid(event.bitmap, position)) continue
    const code = isPaid(skip, position) ? 'PAYOUT_SKIPPED' : 'PAYOUT_FAILED'
    judge.notices.push({ code, subject: at(event, payout).subject, text: describe(payout) })
  }
}

/** In this very transaction, the broker moves the whole amount of each paid ticket to its recipient, once, and nothing else of ours. */
function judgeTickets(
  judge: Judge,
  transaction: Hash,
  group: readonly Settlement[],
  events: readonly BrokerEvent[],
): void {
  const redeemed = events.filter(({ kind }) => kind === 'redeemed')
  const expected = new Set<bigint>()
  for (const { event, payouts, authority } of group) {
    for (const [position, payout] of payouts.entries()) {
      if (payout.kind !== 'ticket' || !isPaid(event.bitmap, position)) continue
      expected.add(BigInt(payout.payoutId))
      judgeTicket(judge, event, payout, authority, events)
    }
  }
  for (const { payoutId } of redeemed) {
    if (payoutId === null || expected.has(payoutId)) continue
    flag(
      judge.findings,
      'PAYMENT_EXTRA',
      { entry: null, subject: `payout ${payoutId} in ${transaction}` },
      'no ticket',
      'a redeemed one',
    )
  }
  flagLoneMoves(judge, transaction, events)
}

/** The broker tells each move right before the ticket that it was for. */
function flagLoneMoves(judge: Judge, transaction: Hash, events: readonly BrokerEvent[]): void {
  for (const [index, { kind, recipient, amountWei }] of events.entries()) {
    if (kind !== 'moved' || events[index + 1]?.kind === 'redeemed') continue
    const where = { entry: null, subject: `a move in ${transaction}` }
    flag(judge.findings, 'PAYMENT_EXTRA', where, 'a redeemed ticket after it', `${amountWei} wei to ${recipient}`)
  }
}

function judgeTicket(
  judge: Judge,
  event: Settled,
  payout: Payout,
  authority: Address,
  events: readonly BrokerEvent[],
): void {
  const own = events.flatMap((one, index) => (one.payoutId === BigInt(payout.payoutId) ? [index] : []))
  const [index] = own
  if (index === undefined)
    return flag(judge.findings, 'PAYMENT_MISSING', at(event, payout), describe(payout), 'no redeemed ticket')
  if (own.length > 1) flag(judge.findings, 'PAYMENT_DOUBLED', at(event, payout), 'one redeemed ticket', own.length)
  // The amount moved stands in the event before; `faceValue` is only nominal, and a burnt ticket moves nothing.
  const moved = events[index - 1]
  const redeemed = events[index] as BrokerEvent
  const expected = paymentText(authority, payout.recipient, payout.wei)
  for (const one of [redeemed, moved?.kind === 'moved' ? moved : undefined]) {
    const got = one === undefined ? 'nothing moved' : paymentText(one.sender, one.recipient, one.amountWei)
    if (got !== expected) flag(judge.findings, 'PAYMENT_FIELD', at(event, payout), expected, got)
  }
}

/** Tickets redeemed where the anchor was not at work: a donated deposit paid them, not the treasury. */
export function noteStrays(judge: Judge, transactions: ReadonlySet<Hash>): void {
  for (const { kind, transaction, payoutId, amountWei } of judge.facts.brokerEvents) {
    if (kind !== 'redeemed' || transactions.has(transaction)) continue
    judge.notices.push({
      code: 'STRAY_TICKET',
      subject: `nonce ${payoutId}`,
      text: `${amountWei} wei in ${transaction}`,
    })
  }
}

function at(event: Settled, payout?: Payout): { entry: null; subject: string } {
  const suffix = payout === undefined ? '' : ` payout ${payout.payoutId}`
  return { entry: null, subject: `sequence ${event.sequence}${suffix}` }
}

function describe({ payoutId, recipient, wei, kind }: Called): string {
  return `${kind} ${payoutId}: ${wei} wei to ${recipient}`
}

function paymentText(sender: Address, recipient: Address, amountWei: bigint): string {
  return `${amountWei} wei from ${sender} to ${recipient}`
}
