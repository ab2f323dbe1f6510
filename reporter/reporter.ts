/**
 * A reporter at work. Order: 1 the number is durable in the reporter's own file, 2 signed and sent, 3 the answer is noted,
 * 4 final. A crash between any two repeats 2 with the same numbers for the same events, which the enclave takes once.
 *
 * The ledger's own counter says where to go on. It is the host's word on the way here, so nothing rests on it but pace: a
 * number that it hides is sent again and answered as known; one that it invents is a gap.
 */
import { BATCH_CREDITS_MAX } from '../enclave/protocol/entry.ts'
import { assertNever, CodedError, isCoded, refuse } from '../enclave/protocol/errors.ts'
import type { Address } from '../enclave/protocol/ids.ts'
import type { CreditBatchResult, CreditSignedResult, MethodResults } from '../enclave/protocol/method-results.ts'
import type { Params } from '../enclave/protocol/methods.ts'
import type { Ledger } from '../enclave/protocol/typed-data.ts'
import type { CreditEvent } from './event.ts'
import type { Key } from './key.ts'
import { type Form, fitting, signBatch, signSingles, signSkip } from './messages.ts'
import { matchReceipts } from './receipts.ts'
import type { Next, Refusal, ReporterStore, StoredReceipt } from './store.ts'

/** The way to the enclave, whatever it is. Each call refuses what the enclave refuses, with its code. */
export type Door = {
  reporter(reporter: Address): Promise<MethodResults['reporter']>
  creditSigned(params: Params<'credit_signed'>): Promise<CreditSignedResult>
  creditBatch(params: Params<'credit_batch'>): Promise<CreditBatchResult>
  skipSequence(params: Params<'skip_sequence'>): Promise<{ readonly nextSeq: number }>
}

export type Reporting = {
  readonly ledger: Ledger
  readonly key: Key
  readonly store: ReporterStore
  readonly door: Door
  readonly form: Form
  /** Unix seconds. */
  readonly now: () => number
}

export type Report = { readonly sent: number; readonly refused: readonly Refusal[]; readonly nextSeq: number }

/** How long a signature is good for: a short time, then, for a ledger whose clock is ahead of ours, a long one. */
const VALID_SECONDS = [86_400, 30 * 86_400] as const
/** Messages of one report: as many as a whole file can need one by one, in batches. */
const MESSAGES_MAX = 100_000
/** Messages in a row after which the ledger waits for the same number. */
const STALLED_MAX = 4

/**
 * Sends everything that the ledger does not have, in order, until it has it. Refuses REPORTER_UNKNOWN, REPORTER_COUNTER,
 * REPORTER_STORE for a hole that nobody gave up, RECEIPT_INVALID, and what the enclave refuses.
 */
export async function sendWaiting(reporting: Reporting): Promise<Report> {
  const { store, door, key } = reporting
  const refused: Refusal[] = []
  let [sent, stalled] = [0, 0]
  let { nextSeq } = await named(door, key.address)
  for (let message = 0; message < MESSAGES_MAX && stalled < STALLED_MAX; message++) {
    demandExplained(store, nextSeq)
    const next = store.at(nextSeq, BATCH_CREDITS_MAX)
    if (next === undefined) return { sent, refused, nextSeq }
    const answer = await say(reporting, next)
    refused.push(...answer.refused)
    sent += answer.taken
    stalled = answer.nextSeq > nextSeq ? 0 : stalled + 1
    nextSeq = answer.nextSeq
  }
  throw new CodedError('REPORTER_COUNTER', `expected the ledger to go on from number ${nextSeq}, it stays there`)
}

async function named(door: Door, reporter: Address): Promise<{ nextSeq: number }> {
  const known = await door.reporter(reporter)
  if (!known.named) refuse('REPORTER_UNKNOWN', 'a reporter that the policy names', reporter)
  return { nextSeq: known.nextSeq }
}

/** What was final cannot come back, and what this file never said cannot have been taken. */
function demandExplained(store: ReporterStore, nextSeq: number): void {
  if (nextSeq <= store.finalSeq)
    refuse(
      'REPORTER_COUNTER',
      `a ledger that has number ${store.finalSeq}, which is final`,
      `one that waits for ${nextSeq}`,
    )
  if (nextSeq > store.nextSeq)
    refuse('REPORTER_COUNTER', `a ledger that waits for ${store.nextSeq} at most`, `one that waits for ${nextSeq}`)
}

type Answer = { readonly nextSeq: number; readonly taken: number; readonly refused: readonly Refusal[] }

async function say(reporting: Reporting, next: Next): Promise<Answer> {
  switch (next.kind) {
    case 'credits':
      return sayCredits(reporting, next)
    case 'given-up': {
      const { nextSeq } = await reporting.door.skipSequence(await signSkip(reporting, next.range))
      return { nextSeq, taken: 0, refused: [] }
    }
    case 'hole':
      return refuse('REPORTER_STORE', `an event at number ${next.range.fromSeq}`, `a hole up to ${next.range.toSeq}`)
    default:
      return assertNever(next)
  }
}

type Credits = { readonly firstSeq: number; readonly events: readonly CreditEvent[] }

/** The same numbers again with a later notAfter, when the first is too early for the ledger's clock. */
async function sayCredits(reporting: Reporting, { firstSeq, events }: Credits): Promise<Answer> {
  const part = { firstSeq, events: events.slice(0, fitting(events, reporting.form)) }
  for (const seconds of VALID_SECONDS) {
    const notAfter = reporting.now() + seconds
    const answer =
      reporting.form === 'batch'
        ? await sayBatch(reporting, part, notAfter)
        : await saySingles(reporting, part, notAfter)
    if (answer !== 'expired') return answer
  }
  throw new CodedError('SIGNATURE_EXPIRED', 'expected a clock near that of the ledger, got one that is a month behind')
}

async function sayBatch(reporting: Reporting, part: Credits, notAfter: number): Promise<Answer | 'expired'> {
  const { key, store, door } = reporting
  const result = await unlessExpired(door.creditBatch(await signBatch({ ...reporting, notAfter }, part)))
  if (result === 'expired') return result
  switch (result.kind) {
    case 'ack': {
      const receipts = matchReceipts({ reporter: key.address, ...part }, result.records, result.receipts)
      await store.noteTaken(result.refused, receipts)
      return { nextSeq: result.nextSeq, taken: result.applied + result.refused.length, refused: result.refused }
    }
    // Another run of ours was faster, or an answer was lost: the counter says where to go on.
    case 'known':
      return { nextSeq: result.nextSeq, taken: 0, refused: [] }
    case 'gap':
      return { nextSeq: result.expected, taken: 0, refused: [] }
    default:
      return assertNever(result)
  }
}

async function unlessExpired<T>(call: Promise<T>): Promise<T | 'expired'> {
  try {
    return await call
  } catch (error) {
    if (isCoded(error, 'SIGNATURE_EXPIRED')) return 'expired'
    throw error
  }
}

async function saySingles(reporting: Reporting, part: Credits, notAfter: number): Promise<Answer | 'expired'> {
  const { key, store, door } = reporting
  const result = await door.creditSigned(await signSingles({ ...reporting, notAfter }, part))
  const { outcomes, nextSeqs, records } = result
  const refused = outcomes.flatMap((outcome) =>
    outcome.kind === 'refused' ? [{ rseq: outcome.rseq, code: outcome.code }] : [],
  )
  const receipts: StoredReceipt[] = matchReceipts({ reporter: key.address, ...part }, records, result.receipts)
  await store.noteTaken(refused, receipts)
  const taken = outcomes.filter(({ kind }) => kind === 'applied' || kind === 'refused').length
  if (taken === 0 && outcomes[0]?.kind === 'expired') return 'expired'
  const nextSeq = nextSeqs.find(({ reporter }) => reporter === key.address)?.nextSeq
  if (nextSeq === undefined) refuse('ENCLAVE_ANSWER', `the counter of ${key.address}`, 'none')
  return { nextSeq, taken, refused }
}
