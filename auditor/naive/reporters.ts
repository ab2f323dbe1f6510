/** Credits that reporters sign: numbered without a hole, each applied or refused once (protocol section 6). */
import type { Credit } from '../../enclave/protocol/credit.ts'
import { batchRoot, creditBatchStruct, creditStruct, skipSequenceStruct } from '../../enclave/protocol/credit.ts'
import type { Body } from '../../enclave/protocol/entry.ts'
import { CREDITS_PER_ENTRY_MAX } from '../../enclave/protocol/entry.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import { fromHex, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT } from '../../enclave/protocol/money.ts'
import type { Reporter } from '../../enclave/protocol/policy.ts'
import { accountOf, addCredit, countCredit, demandCaps } from './accounts.ts'
import type { Account, Ledger, Replay, ReporterUse } from './ledger.ts'
import { demand, demandEqual, note } from './ledger.ts'
import { mayPin, pinTo } from './recipients.ts'
import { demandInTime, demandNext, demandSigner } from './signature.ts'
import { newWindow } from './window.ts'

type SignedCredit = Extract<Body<'credit'>, { source: 'signed' }>
type RefusedCredit = Extract<Body<'refuse'>, { source: 'signed' }>
type Skip = Extract<Body<'refuse'>, { source: 'skipped' }>
type BatchCredit = Body<'credits'>['credits'][number]
/** What of a credit changes the ledger. */
type Said = Pick<BatchCredit, 'account' | 'id' | 'wei' | 'recipient'>

/** One credit under its own signature. */
export function replaySigned(replay: Replay, ledger: Ledger, body: SignedCredit): void {
  const { reporter, rseq, signature, notAfter } = body
  const subject = `${reporter} ${rseq}`
  demandSigner(replay, ledger, subject, reporter, { struct: structOf(ledger, reporter, rseq, body), signature })
  demandInTime(replay, subject, notAfter)
  const use = advance(replay, ledger, reporter, rseq, 1)
  takeCredit(replay, ledger, reporter, use, body)
}

function structOf(ledger: Ledger, reporter: Address, rseq: number, said: Omit<BatchCredit, 'code'>): Uint8Array {
  const { id: orchestratorId, recipient, wei: amountWei, eventId, workHash, notAfter } = said
  const { ledgerId } = ledger.genesis
  const credit: Credit = {
    ledgerId,
    reporter,
    rseq,
    orchestratorId,
    recipient,
    amountWei,
    eventId,
    workHash,
    notAfter,
  }
  return creditStruct(credit)
}

/** The one after it is the last that is counted exactly. */
const RSEQ_MAX = Number.MAX_SAFE_INTEGER - 1

/** The reporter's next `count` numbers are used up, for ever. */
function advance(replay: Replay, ledger: Ledger, reporter: Address, rseq: number, count: number): ReporterUse {
  const named = reporterOf(ledger, reporter) !== undefined
  demand(replay, named, 'REPORTER_UNKNOWN', reporter, 'a reporter that the policy names', reporter)
  const use = ledger.reporters.get(reporter) ?? { nextSeq: 1, creditedWei: 0n, window: newWindow() }
  ledger.reporters.set(reporter, use)
  demandNext(replay, `rseq of ${reporter}`, use.nextSeq - 1, rseq)
  const last = rseq + count - 1
  demand(replay, last <= RSEQ_MAX, 'COUNTER_ORDER', `rseq of ${reporter}`, `at most ${RSEQ_MAX}`, last)
  use.nextSeq = rseq + count
  return use
}

function reporterOf(ledger: Ledger, reporter: Address): Reporter | undefined {
  return ledger.policy.reporters.find(({ address }) => address === reporter)
}

function takeCredit(replay: Replay, ledger: Ledger, reporter: Address, use: ReporterUse, said: Said): void {
  if (!demandEqual(replay, 'CREDIT_ROUTE', said.id, 'signed', ledger.policy.credits)) return
  const account = accountOf(replay, ledger, said)
  if (account === undefined) return
  const caps = reporterOf(ledger, reporter)
  if (caps !== undefined) demandCaps(replay, ledger, use, caps, said.wei)
  takeRecipient(replay, ledger, account, said.recipient)
  if (addCredit(replay, ledger, account, said.wei)) countCredit(replay, ledger, use, said.wei)
}

/** The zero recipient says nothing. Any other is the one that is paid, or will be, or is pinned now. */
function takeRecipient(replay: Replay, ledger: Ledger, account: Account, recipient: Address): void {
  const { id } = account
  const objection = objectionTo(ledger, id, account, recipient)
  if (objection === 'RECIPIENT_MISMATCH') demandEqual(replay, 'RECIPIENT_MISMATCH', id, account.recipient, recipient)
  if (objection === 'RECIPIENT_FORBIDDEN')
    demand(replay, false, 'RECIPIENT_INVALID', id, 'a recipient that may be paid', recipient)
  if (objection === null && recipient !== ZERO_ADDRESS && account.recipient === ZERO_ADDRESS)
    pinTo(ledger, account, recipient)
}

type Objection = 'RECIPIENT_MISMATCH' | 'RECIPIENT_FORBIDDEN' | null

function objectionTo(ledger: Ledger, id: string, account: Account | undefined, recipient: Address): Objection {
  if (recipient === ZERO_ADDRESS) return null
  const pinned = account?.recipient ?? ZERO_ADDRESS
  if (pinned !== ZERO_ADDRESS)
    return recipient === pinned || recipient === account?.pending?.recipient ? null : 'RECIPIENT_MISMATCH'
  if (!ledger.policy.registration.credit) return 'RECIPIENT_MISMATCH'
  return mayPin(ledger, id, recipient) ? null : 'RECIPIENT_FORBIDDEN'
}

/** A part of a batch. One signature covers the root of all its parts, which follow each other at once. */
export function replayCredits(replay: Replay, ledger: Ledger, body: Body<'credits'>): void {
  const batch = ledger.batch ?? { first: body, structs: [] }
  if (ledger.batch === null) demandBatchSigned(replay, ledger, body)
  demandPart(replay, batch.first, body, batch.structs.length)
  const { reporter, credits } = body
  const firstSeq = body.firstSeq + body.from
  const use = advance(replay, ledger, reporter, firstSeq, credits.length)
  for (const [position, credit] of credits.entries()) {
    const rseq = firstSeq + position
    batch.structs.push(structOf(ledger, reporter, rseq, credit))
    demandInTime(replay, `${reporter} ${rseq}`, credit.notAfter)
    if (credit.code === null) takeCredit(replay, ledger, reporter, use, credit)
    else replayRefusedPart(replay, ledger, reporter, use, credit, credit.code)
  }
  ledger.batch = batch.structs.length < batch.first.count ? batch : null
  if (ledger.batch === null)
    demandEqual(replay, 'BATCH_ROOT', `${reporter} ${body.firstSeq}`, batchRoot(batch.structs), body.root)
}

function demandBatchSigned(replay: Replay, ledger: Ledger, body: Body<'credits'>): void {
  const { reporter, firstSeq, count, root, notAfter, signature } = body
  const { ledgerId } = ledger.genesis
  const struct = creditBatchStruct({ ledgerId, reporter, firstSeq, count, root, notAfter })
  demandSigner(replay, ledger, `${reporter} ${firstSeq}`, reporter, { struct, signature })
  demandInTime(replay, `${reporter} ${firstSeq}`, notAfter)
}

/** Every part repeats the whole batch's fields, and goes on where the one before ended. */
function demandPart(replay: Replay, first: Body<'credits'>, body: Body<'credits'>, taken: number): void {
  for (const field of ['reporter', 'firstSeq', 'count', 'root', 'notAfter', 'signature'] as const)
    demandEqual(replay, 'BATCH_ORDER', field, first[field], body[field])
  demandEqual(replay, 'BATCH_ORDER', 'from', taken, body.from)
  const expected = Math.max(1, Math.min(CREDITS_PER_ENTRY_MAX, first.count - taken))
  demandEqual(replay, 'BATCH_ORDER', 'credits', expected, body.credits.length)
}

/** The batch must be whole before anything else stands in the log, since its signature covers all of it. */
export function demandBatchOrder(replay: Replay, ledger: Ledger, type: string): void {
  if (ledger.batch === null || type === 'credits') return
  const { first, structs } = ledger.batch
  demand(replay, false, 'BATCH_ORDER', type, `credit ${structs.length} of ${first.count} of a batch`, type)
  ledger.batch = null
}

/** Everything of a refused credit in a batch stands in the log: whether the code is true can be seen. */
function replayRefusedPart(
  replay: Replay,
  ledger: Ledger,
  reporter: Address,
  use: ReporterUse,
  credit: BatchCredit,
  code: string,
): void {
  countRefusal(ledger, code)
  demandEqual(replay, 'ACCOUNT_INDEX', `${credit.id}: refused`, 0, credit.account)
  const holds = refusalHolds(ledger, reporterOf(ledger, reporter), use, credit, code)
  demand(replay, holds, 'REFUSAL_CODE', `${credit.id}: refused`, 'a rule that the credit breaks', code)
}

function refusalHolds(
  ledger: Ledger,
  caps: Reporter | undefined,
  use: ReporterUse,
  credit: BatchCredit,
  code: string,
): boolean {
  const { id, wei, recipient } = credit
  const account = ledger.byId.get(id)
  switch (code) {
    case 'ROUTE_CLOSED':
      return ledger.policy.credits !== 'signed'
    case 'AMOUNT_ZERO':
      return wei === 0n
    case 'AMOUNT_TOO_LARGE':
      return wei >= AMOUNT_WEI_LIMIT
    case 'LEDGER_FULL':
      return (
        ledger.creditedWei + wei >= LEDGER_WEI_LIMIT ||
        (account === undefined && ledger.accounts.length >= ledger.policy.accountsMax)
      )
    case 'CREDIT_CAP': {
      // The enclave may count a little more within a window than there is; it never refuses what no cap could reach.
      const reachedWei = use.creditedWei + wei
      return caps !== undefined && (reachedWei > caps.lifetimeWeiMax || reachedWei > caps.windowWeiMax)
    }
    case 'RECIPIENT_MISMATCH':
    case 'RECIPIENT_FORBIDDEN':
      return objectionTo(ledger, id, account, recipient) === code
    default:
      return false
  }
}

const REFUSAL_CODES: readonly string[] = [
  'ROUTE_CLOSED',
  'AMOUNT_ZERO',
  'AMOUNT_TOO_LARGE',
  'LEDGER_FULL',
  'CREDIT_CAP',
  'RECIPIENT_MISMATCH',
  'RECIPIENT_FORBIDDEN',
]

/** A single credit that was refused leaves its hash alone: the reporter, who has the rest, can hold it against the code. */
export function replayRefused(replay: Replay, ledger: Ledger, body: RefusedCredit): void {
  const { reporter, rseq, hash, code, signature } = body
  const subject = `${reporter} ${rseq}`
  demandSigner(replay, ledger, subject, reporter, { struct: fromHex(hash), signature })
  const known = REFUSAL_CODES.includes(code) && (code === 'ROUTE_CLOSED') === (ledger.policy.credits !== 'signed')
  demand(replay, known, 'REFUSAL_CODE', subject, `a code that a credit can have here`, code)
  advance(replay, ledger, reporter, rseq, 1)
  countRefusal(ledger, code)
}

/** Numbers that the reporter gives up. */
export function replaySkip(replay: Replay, ledger: Ledger, body: Skip): void {
  const { reporter, fromSeq, toSeq, signature } = body
  const struct = skipSequenceStruct({ ledgerId: ledger.genesis.ledgerId, reporter, fromSeq, toSeq })
  demandSigner(replay, ledger, `${reporter} ${fromSeq}`, reporter, { struct, signature })
  const count = toSeq - fromSeq + 1
  demand(replay, count > 0, 'COUNTER_ORDER', `toSeq of ${reporter}`, `at least ${fromSeq}`, toSeq)
  advance(replay, ledger, reporter, fromSeq, Math.max(count, 0))
  note(replay, ledger, 'skip', `${reporter} gives up ${fromSeq} to ${toSeq}`)
}

/** Codes are short texts of the log: a hostile one may hold many. */
const REFUSAL_CODES_MAX = 256

export function countRefusal(ledger: Ledger, code: string): void {
  const { refusals } = ledger
  const key = refusals.has(code) || refusals.size < REFUSAL_CODES_MAX ? code : 'other codes'
  refusals.set(key, (refusals.get(key) ?? 0) + 1)
}
