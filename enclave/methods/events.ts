/** Journal lines in, a provisional answer out (protocol section 6). */
import { checkLines, placeLines, takeLines } from '../core/intake.ts'
import { checkRoom } from '../core/outbox.ts'
import { type Instance, nowSeconds, release, stateOf } from '../instance.ts'
import { encodeSignature } from '../keys/secp256k1.ts'
import { CodedError } from '../protocol/errors.ts'
import { receiptStruct } from '../protocol/header.ts'
import { toHash } from '../protocol/ids.ts'
import { leafHash } from '../protocol/log-tree.ts'
import type { ApplyEventsResult, ReleasedRecord, SignedReceipt } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { typedDigest } from '../protocol/typed-data.ts'

export function applyEvents(instance: Instance, params: ParsedParams<'apply_events'>): ApplyEventsResult {
  const state = stateOf(instance)
  if (state.policy.credits !== 'host-trusted')
    throw new CodedError('ROUTE_CLOSED', 'expected signed credits on this ledger, got journal lines')
  checkLines(params.lines)
  const place = placeLines(state, params.firstIndex, params.head, params.lines)
  if (place.kind !== 'fits') return place
  if (place.fresh.length > 0) checkRoom(instance.outbox)
  const taken = takeLines(state, place.fresh, place.hashes, nowSeconds(instance))
  const records = taken.entries.length === 0 ? [] : [release(instance, taken.entries)]
  return {
    kind: 'ack',
    journalSize: state.journalSize,
    journalHead: toHash(state.journalHead),
    applied: taken.entries.length - taken.refused.length,
    refused: taken.refused,
    records,
    receipts: params.receipts ? records.flatMap((record) => sign(instance, record, taken.credited)) : [],
  }
}

/** A receipt per credit, provisional until the anchored log covers it and that block is final. */
function sign(instance: Instance, record: ReleasedRecord, credited: readonly number[]): SignedReceipt[] {
  const { epoch } = stateOf(instance)
  return credited.map((logIndex) => {
    const receipt = {
      epoch,
      logIndex,
      leafHash: toHash(leafHash(record.entries[logIndex - record.firstIndex] as Uint8Array)),
    }
    const digest = typedDigest(instance.ledger, receiptStruct(receipt))
    return { ...receipt, signature: encodeSignature(instance.session.sign(digest)) }
  })
}
