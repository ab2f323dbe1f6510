/** Journal lines in, a provisional answer out (protocol section 6). */
import { checkLines, placeLines, takeLines } from '../core/intake.ts'
import { checkRoom } from '../core/outbox.ts'
import { type Instance, nowSeconds, release, stateOf } from '../instance.ts'
import { CodedError } from '../protocol/errors.ts'
import { toHash } from '../protocol/ids.ts'
import type { ApplyEventsResult } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { signReceipts } from './receipts.ts'

export function applyEvents(instance: Instance, params: ParsedParams<'apply_events'>): ApplyEventsResult {
  const state = stateOf(instance)
  if (state.policy.credits !== 'host-trusted')
    throw new CodedError('ROUTE_CLOSED', 'expected signed credits on this ledger, got journal lines')
  checkLines(params.lines)
  const place = placeLines(state, params.firstIndex, params.head, params.lines)
  if (place.kind !== 'fits') return place
  if (place.fresh.length > 0) checkRoom(instance.outbox)
  const taken = takeLines(state, place.fresh, nowSeconds(instance))
  const records = taken.entries.length === 0 ? [] : [release(instance, taken.entries)]
  return {
    kind: 'ack',
    journalSize: state.journalSize,
    journalHead: toHash(state.journalHead),
    applied: taken.entries.length - taken.refused.length,
    refused: taken.refused,
    records,
    receipts: params.receipts ? records.flatMap((record) => signReceipts(instance, record, taken.credited)) : [],
  }
}
