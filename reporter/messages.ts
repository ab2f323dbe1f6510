/** What a reporter signs: single credits, batches of them, and numbers that it gives up. */
import {
  batchRoot,
  type Credit,
  creditBatchStruct,
  creditStruct,
  skipSequenceStruct,
} from '../enclave/protocol/credit.ts'
import { BATCH_CREDITS_MAX } from '../enclave/protocol/entry.ts'
import type { Params } from '../enclave/protocol/methods.ts'
import { CREDITS_PER_CALL_MAX } from '../enclave/protocol/signed-params.ts'
import { type Ledger, ledgerIdOf } from '../enclave/protocol/typed-data.ts'
import { utf8 } from '../enclave/protocol/words.ts'
import type { CreditEvent } from './event.ts'
import type { Key } from './key.ts'
import type { Range } from './store.ts'

/** The enclave counts a credit of a batch as so many bytes beside its id and eventId; one sealed record holds them all. */
export const CREDIT_FIELDS_BYTES = 200
export const BATCH_BYTES_MAX = 1_000_000
/** Single credits carry a signature each, and their entries have to fit one record as well. */
const SINGLE_BYTES = 200

export type Form = 'single' | 'batch'

/** How many of `events`, from the first on, one message carries: at least one. */
export function fitting(events: readonly CreditEvent[], form: Form): number {
  const each = CREDIT_FIELDS_BYTES + (form === 'single' ? SINGLE_BYTES : 0)
  let size = 0
  for (const [at, { orchestratorId, eventId }] of events.entries()) {
    size += each + utf8(orchestratorId).length + utf8(eventId).length
    if (at > 0 && (size > BATCH_BYTES_MAX || at >= (form === 'batch' ? BATCH_CREDITS_MAX : CREDITS_PER_CALL_MAX)))
      return at
  }
  return events.length
}

export type Signing = {
  readonly ledger: Ledger
  readonly key: Key
  /** Unix seconds after which the enclave takes it no more; the same number may be signed again with a later one. */
  readonly notAfter: number
}

type Credits = { readonly firstSeq: number; readonly events: readonly CreditEvent[] }

function creditsOf({ ledger, key, notAfter }: Signing, { firstSeq, events }: Credits): Credit[] {
  const ledgerId = ledgerIdOf(ledger)
  return events.map((event, at) => ({ ...event, ledgerId, reporter: key.address, rseq: firstSeq + at, notAfter }))
}

function wired({ orchestratorId, recipient, amountWei, eventId, workHash, notAfter }: Credit) {
  return { orchestratorId, recipient, amountWei: amountWei.toString(), eventId, workHash, notAfter }
}

export async function signSingles(signing: Signing, credits: Credits): Promise<Params<'credit_signed'>> {
  const { ledger, key } = signing
  const signed = creditsOf(signing, credits).map(async (credit) => ({
    ...wired(credit),
    reporter: credit.reporter,
    rseq: credit.rseq,
    signature: await key.signStruct(ledger, creditStruct(credit)),
  }))
  return { credits: await Promise.all(signed), receipts: true }
}

/** One signature over the RFC 9162 root of the credits' structs. */
export async function signBatch(signing: Signing, given: Credits): Promise<Params<'credit_batch'>> {
  const { ledger, key, notAfter } = signing
  const credits = creditsOf(signing, given)
  const { firstSeq } = given
  const message = { reporter: key.address, firstSeq, count: credits.length, notAfter }
  const root = batchRoot(credits.map(creditStruct))
  const struct = creditBatchStruct({ ledgerId: ledgerIdOf(ledger), root, ...message })
  return {
    reporter: key.address,
    firstSeq,
    notAfter,
    signature: await key.signStruct(ledger, struct),
    credits: credits.map(wired),
    receipts: true,
  }
}

export async function signSkip(
  { ledger, key }: Omit<Signing, 'notAfter'>,
  { fromSeq, toSeq }: Range,
): Promise<Params<'skip_sequence'>> {
  const skip = { reporter: key.address, fromSeq, toSeq }
  const struct = skipSequenceStruct({ ledgerId: ledgerIdOf(ledger), ...skip })
  return { ...skip, signature: await key.signStruct(ledger, struct) }
}
