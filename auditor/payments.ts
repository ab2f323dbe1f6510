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

/** Judges every settlement. Gives the broker's events that their calls made: any other ticket of ours is a stray. */
export function judgePayments(judge: Judge, settlements: readonly Settlement[]): ReadonlySet<BrokerEvent> {
  for (const settlement of settlements) judgeCall(judge, settlement)
  const events = Map.groupBy(judge.facts.brokerEvents, ({ transaction }) => transaction)
  const eventsOf = ({ transaction }: Settled): readonly BrokerEvent[] => events.get(transaction) ?? []
  const made = settlements.flatMap((settlement) => judgeTickets(judge, settlement, eventsOf(settlement.event)))
  for (const [transaction, [first]] of Map.groupBy(settlements, ({ event }) => event.transaction))
    flagLoneMoves(judge, transaction, first === undefined ? [] : eventsOf(first.event))
  return new Set(made)
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

/**
 * Within the call, the broker moves the whole amount of each paid ticket to its recipient, once, and nothing else of
 * ours. Gives the broker's events of the call: from its first ticket to its settlement, where no foreign code redeems
 * any. Whoever relays the call may do so before and after it, in the same transaction, with strays and his own money.
 */
function judgeTickets(
  judge: Judge,
  { event, payouts, authority }: Settlement,
  events: readonly BrokerEvent[],
): readonly BrokerEvent[] {
  const paid = payouts.filter(({ kind }, position) => kind === 'ticket' && isPaid(event.bitmap, position))
  const before = events.filter(({ logIndex }) => logIndex < event.logIndex)
  const found = findTickets(paid, before)
  for (const payout of paid) judgeTicket(judge, event, payout, authority, before, found)
  const made = before.slice(startOf(before, found))
  for (const { payoutId } of made) {
    if (payoutId === null || found.has(payoutId)) continue
    const where = { entry: null, subject: `payout ${payoutId} in ${event.transaction}` }
    flag(judge.findings, 'PAYMENT_EXTRA', where, 'no ticket', 'a redeemed one')
  }
  for (const payout of paid) {
    const times = made.filter(({ payoutId }) => payoutId === BigInt(payout.payoutId)).length
    if (times > 1) flag(judge.findings, 'PAYMENT_DOUBLED', at(event, payout), 'one redeemed ticket', times)
  }
  return made
}

/** By payoutId, the place of its ticket. Looked for from the end, in order: strays with numbers of ours come before. */
function findTickets(paid: readonly Payout[], events: readonly BrokerEvent[]): ReadonlyMap<bigint, number> {
  const found = new Map<bigint, number>()
  let end = events.length
  for (const { payoutId } of paid.toReversed()) {
    const index = events.findLastIndex((event, index) => index < end && event.payoutId === BigInt(payoutId))
    if (index === -1) continue
    found.set(BigInt(payoutId), index)
    end = index
  }
  return found
}

/** Where the call's events begin: at the move of its first ticket. */
function startOf(events: readonly BrokerEvent[], found: ReadonlyMap<bigint, number>): number {
  const first = Math.min(events.length, ...found.values())
  return found.size > 0 && events[first - 1]?.kind === 'moved' ? first - 1 : first
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
  found: ReadonlyMap<bigint, number>,
): void {
  const index = found.get(BigInt(payout.payoutId))
  if (index === undefined)
    return flag(judge.findings, 'PAYMENT_MISSING', at(event, payout), describe(payout), 'no redeemed ticket')
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
export function noteStrays(judge: Judge, made: ReadonlySet<BrokerEvent>, unjudged: ReadonlySet<Hash>): void {
  for (const event of judge.facts.brokerEvents) {
    const { kind, transaction, payoutId, amountWei } = event
    if (kind !== 'redeemed' || made.has(event) || unjudged.has(transaction)) continue
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
