/** Credits that reporters sign, one by one or thousands under one signature (protocol section 6). */
import { decideSkip, takeBatch, takeCredits, useOf, type VerifiedBatch, type VerifiedCredit } from '../core/credit.ts'
import { write } from '../core/ledger.ts'
import { checkRoom } from '../core/outbox.ts'
import { type Instance, nowSeconds, release, stateOf } from '../instance.ts'
import { checkSigner } from '../keys/signers.ts'
import { batchRoot, creditBatchStruct, creditStruct, skipSequenceStruct } from '../protocol/credit.ts'
import { toHash, toHex } from '../protocol/ids.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { signReceipts } from './receipts.ts'

/** Every signature is checked before the first credit counts. Refuses SIGNER_MISMATCH, SIGNATURE_INVALID, REPORTER_UNKNOWN. */
export function creditSigned(
  instance: Instance,
  params: ParsedParams<'credit_signed'>,
): MethodResults['credit_signed'] {
  const state = stateOf(instance)
  checkRoom(instance.outbox)
  const verified = params.credits.map((item) => verifyCredit(instance, item))
  const { outcomes, entries } = takeCredits(state, verified, nowSeconds(instance))
  const records = entries.length === 0 ? [] : [release(instance, entries)]
  const credited = outcomes.flatMap((outcome) => (outcome.kind === 'applied' ? [outcome.logIndex] : []))
  return {
    outcomes,
    nextSeqs: [...new Set(params.credits.map(({ reporter }) => reporter))].map((reporter) => ({
      reporter,
      nextSeq: useOf(state, reporter).nextSeq,
    })),
    records,
    receipts: params.receipts ? records.flatMap((record) => signReceipts(instance, record, credited)) : [],
  }
}

function verifyCredit(
  { ledger, ledgerId }: Instance,
  { signature, ...fields }: ParsedParams<'credit_signed'>['credits'][number],
): VerifiedCredit {
  const credit = { ledgerId, ...fields }
  const struct = creditStruct(credit)
  checkSigner(ledger, struct, signature, credit.reporter)
  return { credit, signature: toHex(signature), hash: toHash(struct) }
}

/** One signature over the RFC 9162 root of the credits' structs. The whole batch counts, or none of it. */
export function creditBatch(instance: Instance, params: ParsedParams<'credit_batch'>): MethodResults['credit_batch'] {
  const state = stateOf(instance)
  checkRoom(instance.outbox)
  const taken = takeBatch(state, verifyBatch(instance, params), nowSeconds(instance))
  if (taken.kind === 'gap') return taken
  const { nextSeq } = useOf(state, params.reporter)
  if (taken.kind === 'known') return { kind: 'known', nextSeq }
  const record = release(instance, taken.entries)
  const indices = taken.entries.map((_, at) => record.firstIndex + at)
  return {
    kind: 'ack',
    nextSeq,
    applied: params.credits.length - taken.refused.length,
    refused: taken.refused,
    records: [record],
    receipts: params.receipts ? signReceipts(instance, record, indices) : [],
  }
}

function verifyBatch({ ledger, ledgerId }: Instance, params: ParsedParams<'credit_batch'>): VerifiedBatch {
  const { reporter, firstSeq, notAfter, signature } = params
  const credits = params.credits.map((fields, at) => ({ ledgerId, reporter, rseq: firstSeq + at, ...fields }))
  const root = batchRoot(credits.map(creditStruct))
  const struct = creditBatchStruct({ ledgerId, reporter, firstSeq, count: credits.length, root, notAfter })
  checkSigner(ledger, struct, signature, reporter)
  return { reporter, firstSeq, root, notAfter, signature: toHex(signature), credits }
}

export function skipSequence(
  instance: Instance,
  { signature, ...skip }: ParsedParams<'skip_sequence'>,
): MethodResults['skip_sequence'] {
  const state = stateOf(instance)
  checkRoom(instance.outbox)
  const struct = skipSequenceStruct({ ledgerId: instance.ledgerId, ...skip })
  checkSigner(instance.ledger, struct, signature, skip.reporter)
  const body = decideSkip(state, { ...skip, signature: toHex(signature) })
  const record = release(instance, [write(state, 'refuse', body, nowSeconds(instance))])
  return { nextSeq: useOf(state, skip.reporter).nextSeq, records: [record] }
}

/** What the enclave has of a reporter, for the reporter to compare with his own counter [A12]. */
export function reporter(instance: Instance, params: ParsedParams<'reporter'>): MethodResults['reporter'] {
  const state = stateOf(instance)
  const { nextSeq, creditedWei } = useOf(state, params.reporter)
  const named = state.policy.reporters.some(({ address }) => address === params.reporter)
  return { reporter: params.reporter, named, nextSeq, creditedWei }
}
