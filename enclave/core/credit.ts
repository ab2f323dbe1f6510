/** Credits that reporters sign: contiguous for each reporter, each applied or recorded as refused once (protocol section 6). */
import type { Credit } from '../protocol/credit.ts'
import { type Body, CREDITS_PER_ENTRY_MAX } from '../protocol/entry.ts'
import { type ErrorCode, refuse } from '../protocol/errors.ts'
import type { Address, Hash, Hex } from '../protocol/ids.ts'
import { isAddress, ZERO_ADDRESS } from '../protocol/ids.ts'
import type { CreditOutcome } from '../protocol/method-results.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT, ZERO_WEI } from '../protocol/money.ts'
import type { Reporter } from '../protocol/policy.ts'
import { utf8 } from '../protocol/words.ts'
import { passesCap } from './caps.ts'
import { write } from './ledger.ts'
import { checkNext, checkNotAfter } from './quorum.ts'
import { isPayable } from './recipient.ts'
import type { ReporterUse, State } from './state.ts'

/** A credit whose signature its reporter made; `hash` is its creditStruct. */
export type VerifiedCredit = { readonly credit: Credit; readonly signature: Hex; readonly hash: Hash }

export type CreditsTaken = { readonly outcomes: readonly CreditOutcome[]; readonly entries: readonly Uint8Array[] }

/** A reporter's last number: the one after it is still counted exactly. */
const RSEQ_MAX = Number.MAX_SAFE_INTEGER - 1

/** Refuses SEQUENCE_SPENT. Before the first change: a call that stops half way would leave a hole in the log. */
function checkNumber(last: number): void {
  if (last > RSEQ_MAX) refuse('SEQUENCE_SPENT', `a number up to ${RSEQ_MAX}`, last)
}

/** Refuses REPORTER_UNKNOWN: default deny. */
export function reporterOf({ policy }: State, reporter: Address): Reporter {
  const known = policy.reporters.find(({ address }) => address === reporter)
  if (known === undefined) refuse('REPORTER_UNKNOWN', 'a reporter that the policy names', reporter)
  return known
}

export function useOf(state: State, reporter: Address): ReporterUse {
  return state.reporters.get(reporter) ?? { nextSeq: 1, creditedWei: ZERO_WEI, window: [] }
}

/** Takes single credits in the order given; all refusals of the call come before the first change. */
export function takeCredits(state: State, credits: readonly VerifiedCredit[], nowSeconds: number): CreditsTaken {
  for (const { credit } of credits) {
    reporterOf(state, credit.reporter)
    checkNumber(credit.rseq)
  }
  const entries: Uint8Array[] = []
  const outcomes = credits.map((verified) => takeCredit(state, verified, nowSeconds, entries))
  return { outcomes, entries }
}

function takeCredit(
  state: State,
  { credit, signature, hash }: VerifiedCredit,
  nowSeconds: number,
  entries: Uint8Array[],
): CreditOutcome {
  const { reporter, rseq, notAfter } = credit
  const use = useOf(state, reporter)
  if (rseq < use.nextSeq) return { kind: 'known', reporter, rseq }
  if (rseq > use.nextSeq) return { kind: 'gap', reporter, rseq, expected: use.nextSeq }
  const at = Math.max(state.at, nowSeconds)
  if (at > notAfter) return { kind: 'expired', reporter, rseq }
  const code = judgeCredit(state, newPart(), credit, at)
  if (code !== null) {
    entries.push(write(state, 'refuse', { source: 'signed', reporter, rseq, hash, code, signature }, nowSeconds))
    return { kind: 'refused', reporter, rseq, code }
  }
  const { orchestratorId: id, recipient, amountWei, eventId, workHash } = credit
  const account = state.byId.get(id)?.index ?? state.accounts.length
  const fields = { account, id, wei: amountWei, reporter, rseq, recipient, eventId, workHash, notAfter, signature }
  const logIndex = state.log.size
  entries.push(write(state, 'credit', { source: 'signed', ...fields }, nowSeconds))
  return { kind: 'applied', reporter, rseq, logIndex }
}

/** Credits of one entry that were judged and not applied yet. */
type Part = { addedWei: bigint; readonly opened: Map<string, number>; readonly pinned: Map<string, Address> }

function newPart(): Part {
  return { addedWei: 0n, opened: new Map(), pinned: new Map() }
}

/** Why a credit that its reporter signed is refused, or null. The number is used up either way. */
function judgeCredit(state: State, part: Part, credit: Credit, at: number): ErrorCode | null {
  const { policy } = state
  const { orchestratorId: id, amountWei } = credit
  if (policy.credits !== 'signed') return 'ROUTE_CLOSED'
  if (amountWei === 0n) return 'AMOUNT_ZERO'
  if (amountWei >= AMOUNT_WEI_LIMIT) return 'AMOUNT_TOO_LARGE'
  const addedWei = part.addedWei + amountWei
  if (state.creditedWei + addedWei >= LEDGER_WEI_LIMIT) return 'LEDGER_FULL'
  const isNew = !state.byId.has(id) && !part.opened.has(id)
  if (isNew && state.accounts.length + part.opened.size >= policy.accountsMax) return 'LEDGER_FULL'
  if (passesCap(state, useOf(state, credit.reporter), reporterOf(state, credit.reporter), addedWei, at))
    return 'CREDIT_CAP'
  return judgeRecipient(state, part, credit)
}

/** The zero recipient says nothing; any other must be the pinned one, or may be pinned now [F4]. */
function judgeRecipient(state: State, part: Part, { orchestratorId: id, recipient }: Credit): ErrorCode | null {
  if (recipient === ZERO_ADDRESS) return null
  const account = state.byId.get(id)
  const pinned = part.pinned.get(id) ?? account?.recipient ?? ZERO_ADDRESS
  if (pinned !== ZERO_ADDRESS)
    return recipient === pinned || recipient === account?.pending?.recipient ? null : 'RECIPIENT_MISMATCH'
  if (!state.policy.registration.credit) return 'RECIPIENT_MISMATCH'
  return mayPin(state, id, recipient) ? null : 'RECIPIENT_FORBIDDEN'
}

/** An id that is an address is only ever pinned to itself; nobody is pinned to what cannot be paid. */
export function mayPin(state: State, id: string, recipient: Address): boolean {
  return isPayable(state, recipient) && (!isAddress(id) || id === recipient)
}

/** A batch whose root its reporter signed. Every credit in it names the batch's reporter and its own number. */
export type VerifiedBatch = {
  readonly reporter: Address
  readonly firstSeq: number
  readonly root: Hash
  readonly notAfter: number
  readonly signature: Hex
  readonly credits: readonly Credit[]
}

export type BatchTaken =
  | { readonly kind: 'known' }
  | { readonly kind: 'gap'; readonly expected: number }
  | {
      readonly kind: 'ack'
      readonly entries: readonly Uint8Array[]
      readonly refused: readonly { readonly rseq: number; readonly code: ErrorCode }[]
    }

/** Bytes of a credit in its entry beside id and eventId, at most; and of all entries of a batch, which one record seals. */
const CREDIT_FIELDS_BYTES = 200
const BATCH_BYTES_MAX = 1_000_000

/**
 * Takes a whole batch or nothing, so that the log always holds what its one signature covers. Refuses REPORTER_UNKNOWN,
 * BATCH_INVALID, SIGNATURE_EXPIRED, SEQUENCE_SPENT.
 */
export function takeBatch(state: State, batch: VerifiedBatch, nowSeconds: number): BatchTaken {
  const { reporter, firstSeq, credits } = batch
  reporterOf(state, reporter)
  checkNumber(firstSeq + credits.length - 1)
  const { nextSeq } = useOf(state, reporter)
  if (firstSeq + credits.length <= nextSeq) return { kind: 'known' }
  if (firstSeq > nextSeq) return { kind: 'gap', expected: nextSeq }
  if (firstSeq < nextSeq) refuse('BATCH_INVALID', `a batch from sequence ${nextSeq}`, firstSeq)
  checkBatch(batch, Math.max(state.at, nowSeconds))
  const entries: Uint8Array[] = []
  const refused: { rseq: number; code: ErrorCode }[] = []
  for (let from = 0; from < credits.length; from += CREDITS_PER_ENTRY_MAX) {
    const items = judgePart(state, credits.slice(from, from + CREDITS_PER_ENTRY_MAX), Math.max(state.at, nowSeconds))
    for (const [at, { code }] of items.entries())
      if (code !== null) refused.push({ rseq: firstSeq + from + at, code: code as ErrorCode })
    const { root, notAfter, signature } = batch
    const body = { reporter, firstSeq, count: credits.length, root, notAfter, signature, from, credits: items }
    entries.push(write(state, 'credits', body, nowSeconds))
  }
  return { kind: 'ack', entries, refused }
}

function checkBatch({ credits, notAfter }: VerifiedBatch, at: number): void {
  let size = 0
  checkNotAfter(notAfter, at)
  for (const credit of credits) {
    checkNotAfter(credit.notAfter, at)
    size += CREDIT_FIELDS_BYTES + utf8(credit.orchestratorId).length + utf8(credit.eventId).length
  }
  if (size > BATCH_BYTES_MAX) refuse('BATCH_INVALID', `at most ${BATCH_BYTES_MAX} bytes of credits`, size)
}

type BatchCredit = Body<'credits'>['credits'][number]

/** Judges the credits of one entry against each other too: none of them is applied yet. */
function judgePart(state: State, credits: readonly Credit[], at: number): readonly BatchCredit[] {
  const part = newPart()
  return credits.map((credit) => {
    const { orchestratorId: id, amountWei: wei, recipient, eventId, workHash, notAfter } = credit
    const code = judgeCredit(state, part, credit, at)
    const account = code === null ? placeInPart(state, part, credit) : 0
    return { account, id, wei, recipient, eventId, workHash, notAfter, code }
  })
}

/** The account of a credit that will be applied with its entry. */
function placeInPart(state: State, part: Part, { orchestratorId: id, amountWei, recipient }: Credit): number {
  const known = state.byId.get(id)
  const index = known?.index ?? part.opened.get(id) ?? state.accounts.length + part.opened.size
  if (known === undefined) part.opened.set(id, index)
  const pinned = part.pinned.get(id) ?? known?.recipient ?? ZERO_ADDRESS
  if (pinned === ZERO_ADDRESS && recipient !== ZERO_ADDRESS) part.pinned.set(id, recipient)
  part.addedWei += amountWei
  return index
}

/** The reporter gives up a hole: signed, from its next number on. */
export function decideSkip(
  state: State,
  skip: { readonly reporter: Address; readonly fromSeq: number; readonly toSeq: number; readonly signature: Hex },
): Body<'refuse'> {
  reporterOf(state, skip.reporter)
  checkNext('fromSeq', useOf(state, skip.reporter).nextSeq - 1, skip.fromSeq)
  if (skip.toSeq < skip.fromSeq) refuse('COUNTER_MISMATCH', `a toSeq from ${skip.fromSeq}`, skip.toSeq)
  checkNumber(skip.toSeq)
  return { source: 'skipped', ...skip }
}
