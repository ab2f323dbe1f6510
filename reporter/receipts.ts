/**
 * Receipts are the host's to pass on, so each is held against what was sent: the entry under its leaf hash has to be ours.
 * Whether the session that signed it was the ledger's, and whether it is final, the chain says later (finality.ts) [A23].
 */
import { type Body, CREDITS_PER_ENTRY_MAX, decodeEntry, type Entry } from '../enclave/protocol/entry.ts'
import { refuse } from '../enclave/protocol/errors.ts'
import { type Address, toHash, toHex } from '../enclave/protocol/ids.ts'
import { leafHash } from '../enclave/protocol/log-tree.ts'
import type { ReleasedRecord, SignedReceipt } from '../enclave/protocol/method-results.ts'
import { type CreditEvent, sameEvent } from './event.ts'
import type { StoredReceipt } from './store.ts'

export type Sent = { readonly reporter: Address; readonly firstSeq: number; readonly events: readonly CreditEvent[] }

/** Each receipt with the number that its entry reaches. Refuses RECEIPT_INVALID, ENTRY_SYNTAX. */
export function matchReceipts(
  sent: Sent,
  records: readonly ReleasedRecord[],
  receipts: readonly SignedReceipt[],
): StoredReceipt[] {
  return receipts.map((receipt) => {
    const entry = entryAt(records, receipt)
    const { epoch, logIndex, signature } = receipt
    const kept = { epoch, logIndex, leafHash: receipt.leafHash, signature: toHex(signature) }
    return { throughSeq: throughSeqOf(sent, entry), ...kept }
  })
}

function entryAt(records: readonly ReleasedRecord[], { logIndex, leafHash: claimed }: SignedReceipt): Entry {
  for (const { firstIndex, entries } of records) {
    const bytes = entries[logIndex - firstIndex]
    if (bytes === undefined) continue
    const hash = toHash(leafHash(bytes))
    if (hash !== claimed) refuse('RECEIPT_INVALID', `a receipt for the entry ${hash} at ${logIndex}`, claimed)
    const entry = decodeEntry(bytes)
    if (entry.i !== logIndex) refuse('RECEIPT_INVALID', `entry ${logIndex}`, entry.i)
    return entry
  }
  return refuse('RECEIPT_INVALID', 'the entry under the receipt', `no entry ${logIndex}`)
}

function throughSeqOf(sent: Sent, entry: Entry): number {
  if (entry.type === 'credit' && entry.body.source === 'signed') return matchSingle(sent, entry.body)
  if (entry.type === 'credits') return matchPart(sent, entry.body)
  return refuse('RECEIPT_INVALID', 'a receipt for a signed credit', entry.type)
}

function matchSingle(sent: Sent, body: Extract<Body<'credit'>, { source: 'signed' }>): number {
  const { reporter, rseq, id, wei, recipient, eventId, workHash } = body
  demandOurs(sent, reporter, rseq, { orchestratorId: id, amountWei: wei, recipient, eventId, workHash })
  return rseq
}

function matchPart(sent: Sent, { reporter, firstSeq, from, credits }: Body<'credits'>): number {
  if (credits.length === 0 || credits.length > CREDITS_PER_ENTRY_MAX)
    refuse('RECEIPT_INVALID', 'credits in the entry', credits.length)
  for (const [at, { id, wei, recipient, eventId, workHash }] of credits.entries())
    demandOurs(sent, reporter, firstSeq + from + at, {
      orchestratorId: id,
      amountWei: wei,
      recipient,
      eventId,
      workHash,
    })
  return firstSeq + from + credits.length - 1
}

function demandOurs(sent: Sent, reporter: Address, rseq: number, got: CreditEvent): void {
  const ours = reporter === sent.reporter ? sent.events[rseq - sent.firstSeq] : undefined
  if (ours === undefined || !sameEvent(ours, got))
    refuse('RECEIPT_INVALID', `our credit at number ${rseq}`, `${got.eventId} of ${reporter}`)
}
