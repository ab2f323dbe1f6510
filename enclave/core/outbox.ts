/**
 * Records that were released and not acknowledged yet [F10]. They stay in memory until the host says that it stored
 * them, so that a lost reply or a crashed host tears neither the sealed chain nor the log.
 */
import { refuse } from '../protocol/errors.ts'
import type { ReleasedRecord } from '../protocol/method-results.ts'

export const UNACKNOWLEDGED_RECORDS_MAX = 64
export const UNACKNOWLEDGED_BYTES_MAX = 4_194_304
/** What one `outputs` reply carries at most, so that it fits a frame in either encoding. */
const OUTPUTS_BYTES_MAX = 2_097_152

export type Outbox = { readonly records: ReleasedRecord[]; next: number; bytes: number }

export function newOutbox(next: number): Outbox {
  return { records: [], next, bytes: 0 }
}

export function firstUnacknowledged(outbox: Outbox): number {
  return outbox.next - outbox.records.length
}

/** Refuses BACKPRESSURE before a writing method runs. */
export function checkRoom(outbox: Outbox): void {
  if (outbox.records.length < UNACKNOWLEDGED_RECORDS_MAX && outbox.bytes < UNACKNOWLEDGED_BYTES_MAX) return
  refuse('BACKPRESSURE', `fewer than ${UNACKNOWLEDGED_RECORDS_MAX} records and ${UNACKNOWLEDGED_BYTES_MAX} bytes`, {
    records: outbox.records.length,
    bytes: outbox.bytes,
  })
}

export function push(outbox: Outbox, record: ReleasedRecord): void {
  outbox.records.push(record)
  outbox.next = record.record + 1
  outbox.bytes += sizeOf(record)
}

/** The host has stored every record up to this one. Refuses RECORD_UNKNOWN for one that was never released. */
export function acknowledge(outbox: Outbox, record: number): void {
  if (record >= outbox.next) refuse('RECORD_UNKNOWN', `a record below ${outbox.next}`, record)
  while (outbox.records[0] !== undefined && outbox.records[0].record <= record) {
    outbox.bytes -= sizeOf(outbox.records[0])
    outbox.records.shift()
  }
}

/** Records from `from` on, byte for byte as before. Refuses RECORD_UNKNOWN outside what is kept. */
export function outputs(outbox: Outbox, from: number, max: number): readonly ReleasedRecord[] {
  const first = firstUnacknowledged(outbox)
  if (from < first || from > outbox.next) refuse('RECORD_UNKNOWN', `a record from ${first} to ${outbox.next}`, from)
  const records: ReleasedRecord[] = []
  let bytes = 0
  for (const record of outbox.records.slice(from - first, from - first + max)) {
    bytes += sizeOf(record)
    if (records.length > 0 && bytes > OUTPUTS_BYTES_MAX) break
    records.push(record)
  }
  return records
}

function sizeOf({ sealed, entries }: ReleasedRecord): number {
  let size = sealed.length
  for (const entry of entries) size += entry.length
  return size
}
