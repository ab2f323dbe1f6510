/** The replayed ledger against the chain. Pure: what the chain says comes in as facts. */
import type { Header } from '../enclave/protocol/header.ts'
import { foldHead } from '../enclave/protocol/header.ts'
import type { Address, Hash } from '../enclave/protocol/ids.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../enclave/protocol/ids.ts'
import type { ChainFacts, Committed, Notice, NoticeCode, Settled } from './chain-facts.ts'
import type { FindingCode, Findings } from './naive/finding.ts'
import { flag, newFindings } from './naive/finding.ts'
import type { CommitRecord, Ledger } from './naive/ledger.ts'
import type { Settlement } from './payments.ts'
import { isPaid, judgePayments, noteStrays } from './payments.ts'

export type ReplayedHeader = { readonly header: Header; readonly hash: Hash }

export type ReconcileInput = {
  readonly ledger: Ledger
  /** Entries replayed. */
  readonly size: number
  /** What replay gives at the logSize of each commit on chain, as far as the log goes. */
  readonly headers: ReadonlyMap<number, ReplayedHeader>
  readonly facts: ChainFacts
  /** The newest sequence to look at. */
  readonly at: number
  /** Payments of sequences up to this one were looked at before. */
  readonly since: number
}

export type Treasury = {
  readonly balanceWei: bigint
  /** Everything that settled commits paid. */
  readonly outflowWei: bigint
  /** What must have come in: balance and outflow together. */
  readonly fundedWei: bigint
}

export type Reconciled = {
  readonly findings: Findings
  readonly notices: readonly Notice[]
  readonly treasury: Treasury | null
}

type Judge = ReconcileInput & { readonly findings: Findings; readonly notices: Notice[] }

export function reconcile(input: ReconcileInput): Reconciled {
  const judge: Judge = { ...input, findings: newFindings(), notices: [] }
  judgeIdentity(judge)
  judgeOrder(judge)
  const settlements = judgeCommits(judge)
  judgeMissing(judge)
  judgeSessions(judge)
  judgeAuthority(judge)
  const judged = settlements.filter(({ event }) => event.sequence > input.since)
  noteStrays(judge, judgePayments(judge, judged), unjudgedOf(input.facts, judged))
  const treasury = judgeTreasury(judge, settlements)
  return { findings: judge.findings, notices: judge.notices, treasury }
}

function judgeIdentity({ ledger, facts, findings }: Judge): void {
  const { genesis } = ledger
  const pairs = [
    ['chainId', genesis.chainId, facts.chainId],
    ['anchor', genesis.anchor, facts.anchor],
    ['broker', genesis.broker, facts.state.broker],
    ['guardian', genesis.guardian, facts.state.guardian],
  ] as const
  for (const [subject, expected, got] of pairs) {
    if (expected !== got) flag(findings, 'CHAIN_IDENTITY', { entry: 0, subject }, expected, got)
  }
}

/** The endpoint may lie too: its events have to follow from each other, and lead to the state that it shows. */
function judgeOrder(judge: Judge): void {
  const { facts } = judge
  let [head, next] = [ZERO_HASH, ZERO_HASH]
  let [sequence, epoch] = [0, 0]
  let authority = ZERO_ADDRESS
  for (const event of facts.events) {
    const subject = `block ${event.block}, log ${event.logIndex}`
    if (event.kind === 'session' || event.kind === 'rotated') {
      epoch++
      equal(judge, 'CHAIN_ORDER', subject, `epoch ${epoch}`, `epoch ${event.epoch}`)
    }
    if (event.kind === 'appointed' || event.kind === 'rotated') authority = event.authority
    if (event.kind === 'session') equal(judge, 'CHAIN_ORDER', subject, head, event.head)
    if (event.kind === 'committed') {
      sequence++
      equal(
        judge,
        'CHAIN_ORDER',
        subject,
        `${sequence} ${epoch} ${head}`,
        `${event.sequence} ${event.epoch} ${event.prev}`,
      )
      head = event.next
      next = event.next
    }
    if (event.kind === 'settled') {
      head = foldHead(next, event.bitmap)
      equal(judge, 'CHAIN_ORDER', subject, `${sequence} ${head}`, `${event.sequence} ${event.head}`)
    }
    if ('text' in event) note(judge, 'ANCHOR_EVENT', subject, event.text)
  }
  const { state } = facts
  equal(
    judge,
    'CHAIN_STATE',
    'head, sequence, epoch',
    `${head} ${sequence} ${epoch}`,
    `${state.head} ${state.sequence} ${state.epoch}`,
  )
  equal(judge, 'CHAIN_STATE', 'authority', authority, state.authority)
}

/** Each commit on chain beside the header that replay gives at its size, and beside its entries. */
function judgeCommits(judge: Judge): Settlement[] {
  const { ledger, facts } = judge
  const settled = new Map(eventsOf(judge, 'settled').map((event) => [event.sequence, event]))
  const records = new Map(ledger.commits.map((record) => [record.hash, record]))
  const authorities = authoritiesOf(facts)
  const settlements: Settlement[] = []
  for (const event of eventsOf(judge, 'committed')) {
    const replayed = judge.headers.get(event.logSize)
    if (replayed === undefined) {
      noteUnpublished(judge, event)
      continue
    }
    judgeHeader(judge, event, replayed)
    const settledEvent = settled.get(event.sequence)
    const record = records.get(event.next)
    judgeEntries(judge, event, settledEvent, record)
    const payouts = record?.payouts ?? (ledger.reserve?.sequence === event.sequence ? ledger.reserve.payouts : null)
    if (settledEvent !== undefined)
      settlements.push({
        event: settledEvent,
        payouts: payouts ?? [],
        authority: authorities.get(event) ?? facts.state.authority,
      })
  }
  return settlements
}

function noteUnpublished(judge: Judge, event: Committed): void {
  const subject = `sequence ${event.sequence}`
  if (event.block > judge.facts.finalBlock) return note(judge, 'COMMIT_UNPUBLISHED', subject, `block ${event.block}`)
  flag(judge.findings, 'LOG_BEHIND', { entry: null, subject }, `${event.logSize} entries`, `${judge.size} entries`)
}

function judgeHeader(judge: Judge, event: Committed, { header, hash }: ReplayedHeader): void {
  const subject = `sequence ${event.sequence}`
  equal(judge, 'COMMIT_HEADER', `${subject} logRoot`, event.logRoot, header.logRoot)
  equal(judge, 'COMMIT_HEADER', `${subject} balanceRoot`, event.balanceRoot, header.balanceRoot)
  equal(judge, 'COMMIT_HEADER', `${subject} header`, event.next, hash)
}

function judgeEntries(
  judge: Judge,
  event: Committed,
  settled: Settled | undefined,
  record: CommitRecord | undefined,
): void {
  const subject = `sequence ${event.sequence}`
  if (record === undefined) {
    // The published log ends before the commit entry of its newest header.
    if (judge.size > event.logSize)
      flag(judge.findings, 'COMMIT_ENTRY', { entry: event.logSize, subject }, event.next, 'another entry')
    return
  }
  const where = { entry: record.entry, subject }
  if (record.fate === 'void') return flag(judge.findings, 'VOID_LANDED', where, 'no commit on chain', event.transaction)
  const paying = record.payouts !== null
  if (paying !== (settled !== undefined))
    flag(
      judge.findings,
      'SETTLED_ENTRY',
      where,
      paying ? 'a settlement' : 'none',
      settled === undefined ? 'none' : 'a settlement',
    )
  if (record.fate !== 'settled' || settled === undefined) return
  equal(
    judge,
    'SETTLED_ENTRY',
    `${subject} bitmap`,
    settled.bitmap,
    record.bitmap === null ? null : BigInt(record.bitmap),
    record.entry,
  )
  equal(judge, 'SETTLED_ENTRY', `${subject} head`, settled.head, record.head, record.entry)
}

/** What the log calls landed has to be on chain. */
function judgeMissing(judge: Judge): void {
  const landed = new Set(eventsOf(judge, 'committed').map(({ next }) => next))
  for (const { entry, header, hash, fate } of judge.ledger.commits) {
    const subject = `sequence ${header.sequence}`
    if (fate === 'void') note(judge, 'COMMIT_VOID', subject, `entry ${entry}`)
    if (fate !== 'settled' || landed.has(hash)) continue
    flag(judge.findings, 'COMMIT_MISSING', { entry, subject }, 'a commit on chain', hash)
  }
}

function judgeSessions(judge: Judge): void {
  const events = new Map(eventsOf(judge, 'session').map((event) => [event.epoch, event]))
  const known = new Set<number>()
  for (const session of judge.ledger.sessions) {
    const event = events.get(session.epoch)
    const where = { entry: session.entry, subject: `epoch ${session.epoch}` }
    known.add(session.epoch)
    if (event === undefined) {
      flag(judge.findings, 'SESSION_MISSING', where, session.session, 'none')
      continue
    }
    for (const field of ['head', 'session', 'attestationDigest'] as const) {
      equal(judge, 'SESSION_FIELD', `epoch ${session.epoch} ${field}`, event[field], session[field], session.entry)
    }
  }
  for (const { epoch, session } of events.values()) {
    if (!known.has(epoch)) note(judge, 'SESSION_UNUSED', `epoch ${epoch}`, session)
  }
}

/** The first authority is appointed, later ones rotate in; at each epoch the log names the one that the contract had. */
function judgeAuthority(judge: Judge): void {
  const { ledger } = judge
  const appointed = eventsOf(judge, 'appointed')[0]?.authority ?? ledger.genesis.authority
  const rotated = eventsOf(judge, 'rotated')
  const atEpoch = (epoch: number) => rotated.findLast((event) => event.epoch <= epoch)?.authority ?? appointed
  equal(judge, 'AUTHORITY_FIELD', 'authority', appointed, ledger.genesis.authority, 0)
  for (const { entry, epoch, authority } of ledger.rotations)
    equal(judge, 'AUTHORITY_FIELD', `rotation at epoch ${epoch}`, atEpoch(epoch), authority, entry)
  for (const { entry, epoch, authority } of ledger.sessions)
    equal(judge, 'AUTHORITY_FIELD', `session of epoch ${epoch}`, atEpoch(epoch), authority, entry)
  for (const { epoch, authority } of rotated) note(judge, 'ANCHOR_EVENT', `epoch ${epoch}`, `authority ${authority}`)
}

/** Money leaves through settled bits and no other way. What came in leaves no event: it follows from balance and outflow. */
function judgeTreasury(judge: Judge, settlements: readonly Settlement[]): Treasury | null {
  const { facts, ledger } = judge
  const outflow = new Map<number, bigint>()
  for (const { event, payouts } of settlements) {
    const paid = payouts.filter((_, position) => isPaid(event.bitmap, position)).reduce((sum, { wei }) => sum + wei, 0n)
    outflow.set(event.block, (outflow.get(event.block) ?? 0n) + paid)
  }
  let floorWei = 0n
  for (const { block, beforeWei, afterWei } of facts.treasury ?? []) {
    const paid = outflow.get(block)
    if (paid === undefined) continue
    if (beforeWei - afterWei > paid)
      flag(
        judge.findings,
        'TREASURY_OUTFLOW',
        { entry: null, subject: `block ${block}` },
        `at most ${paid} wei`,
        beforeWei - afterWei,
      )
    if (beforeWei < floorWei)
      flag(
        judge.findings,
        'TREASURY_OUTFLOW',
        { entry: null, subject: `before block ${block}` },
        `at least ${floorWei} wei`,
        beforeWei,
      )
    floorWei = afterWei
  }
  judgeSinceNewest(judge)
  if (facts.treasury === null) note(judge, 'HISTORY_UNREADABLE', 'treasury', 'old balances')
  const outflowWei = [...outflow.values()].reduce((sum, amount) => sum + amount, 0n)
  // The balance is of now: it compares with everything paid, and says nothing beside a part of it.
  if (settlements.length < facts.events.filter(({ kind }) => kind === 'settled').length) return null
  const { balanceWei } = facts.state
  noteDebts(judge, ledger, balanceWei)
  return { balanceWei, outflowWei, fundedWei: balanceWei + outflowWei }
}

/** Nothing has been paid since the newest block that paid, so the treasury cannot have fallen. */
function judgeSinceNewest({ facts, findings }: Judge): void {
  const newest = facts.treasury?.at(-1)
  const { balanceWei } = facts.state
  if (newest === undefined || balanceWei >= newest.afterWei) return
  const where = { entry: null, subject: `since block ${newest.block}` }
  flag(findings, 'TREASURY_OUTFLOW', where, `at least ${newest.afterWei} wei`, balanceWei)
}

function noteDebts(judge: Judge, ledger: Ledger, balanceWei: bigint): void {
  const { openings, openingsWei } = ledger.genesis
  if (openings > 0) note(judge, 'OPENINGS_CARRIED', `${openings} openings`, `${openingsWei} wei`)
  const owedWei = ledger.creditedWei - ledger.paidWei
  if (balanceWei < owedWei) note(judge, 'TREASURY_SHORT', 'treasury', `${balanceWei} wei held, ${owedWei} wei owed`)
}

/** The authority that the anchor had at each commit. */
function authoritiesOf(facts: ChainFacts): ReadonlyMap<Committed, Address> {
  const known = new Map<Committed, Address>()
  let { authority } = facts.state
  for (const event of facts.events) {
    if (event.kind === 'appointed' || event.kind === 'rotated') authority = event.authority
    if (event.kind === 'committed') known.set(event, authority)
  }
  return known
}

/** Transactions that paid and are not looked at: earlier than asked for, later, or not in the log yet. */
function unjudgedOf({ events }: ChainFacts, judged: readonly Settlement[]): ReadonlySet<Hash> {
  const known = new Set<Settled>(judged.map(({ event }) => event))
  const others = events.filter((event) => event.kind === 'settled' && !known.has(event))
  return new Set(others.map(({ transaction }) => transaction))
}

type EventOf<K> = Extract<ChainFacts['events'][number], { kind: K }>

/** The events of one kind, none of commits past `at`. */
function eventsOf<K extends 'committed' | 'settled' | 'session' | 'appointed' | 'rotated'>(
  judge: Judge,
  kind: K,
): EventOf<K>[] {
  const events = judge.facts.events.filter((event) => event.kind === kind) as EventOf<K>[]
  return events.filter((event) => !('sequence' in event) || event.sequence <= judge.at)
}

function equal(
  judge: Judge,
  code: FindingCode,
  subject: string,
  expected: unknown,
  got: unknown,
  entry: number | null = null,
): void {
  if (expected !== got) flag(judge.findings, code, { entry, subject }, expected, got)
}

function note(judge: Judge, code: NoticeCode, subject: string, text: string): void {
  judge.notices.push({ code, subject, text })
}
