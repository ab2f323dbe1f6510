/** Loads a sealed chain and squares it with the chain's head (protocol section 5) [G1, S1]. */

import { replay } from '../core/ledger.ts'
import type { Claim } from '../core/settle.ts'
import { SnapshotReader } from '../core/snapshot-reader.ts'
import type { State } from '../core/state.ts'
import { type Instance, keysOf, type Loading } from '../instance.ts'
import { decodeCbor } from '../protocol/cbor.ts'
import { decodeWith, list, struct, uint } from '../protocol/codec.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import type { LoadResult } from '../protocol/method-results.ts'
import { type ParsedParams, RECORDS_PER_CALL_MAX } from '../protocol/methods.ts'
import { Opener } from '../seal/opener.ts'
import { parseHeader } from '../seal/record.ts'
import { unpackRecords } from '../seal/record-file.ts'
import { adopt } from './adopt.ts'

const ENTRIES_PER_RECORD_MAX = 65_536

/** Records in order, in as many calls as they need: one snapshot's chunks if any, then deltas; the last call carries the claim. */
export function loadState(instance: Instance, params: ParsedParams<'load_state'>): LoadResult {
  try {
    return take(instance, params)
  } catch (error) {
    // Half a chain must not be continued by the next call.
    instance.loading = undefined
    throw error
  }
}

function take(instance: Instance, params: ParsedParams<'load_state'>): LoadResult {
  const { stateKey } = keysOf(instance)
  const loading: Loading = instance.loading ?? {
    opener: new Opener(stateKey, instance.ledgerId),
    snapshot: undefined,
    state: undefined,
    records: 0,
  }
  instance.loading = loading
  for (const record of [...params.records, ...unpack(params.blob_b64)]) openRecord(loading, record)
  if (params.more) return { more: true, records: loading.records }
  if (params.claimed === undefined)
    throw new CodedError('PARAMS_INVALID', 'claimed: expected {head, epoch, bitmap} in the last call, got nothing')
  finishSnapshot(loading)
  return adoptLoaded(instance, loading, params, params.claimed)
}

function unpack(blob: string | undefined): readonly Uint8Array[] {
  return blob === undefined ? [] : unpackRecords(Buffer.from(blob, 'base64'), RECORDS_PER_CALL_MAX)
}

function openRecord(loading: Loading, record: Uint8Array): void {
  loading.records++
  if (parseHeader(record)?.kind === 'snapshot') {
    loading.snapshot ??= new SnapshotReader()
    loading.snapshot.push(loading.opener.openChunk(record))
    return
  }
  finishSnapshot(loading)
  for (const entry of readDelta(loading.opener.openDelta(record), loading.state))
    loading.state = replay(loading.state, entry)
}

function finishSnapshot(loading: Loading): void {
  if (loading.snapshot === undefined) return
  loading.state = loading.snapshot.end()
  loading.snapshot = undefined
}

const bytes = {
  encode: (value: Uint8Array) => value,
  decode: (value: unknown) => {
    if (value instanceof Uint8Array) return value
    throw new CodedError('STATE_MISMATCH', 'expected entries as bytes in a record')
  },
}
const deltaCodec = struct({ entries: list(bytes, ENTRIES_PER_RECORD_MAX), firstIndex: uint() })

function readDelta(plaintext: Uint8Array, state: State | undefined): readonly Uint8Array[] {
  const delta = decodeWith(deltaCodec, decodeCbor(plaintext, { canonical: true }), 'STATE_MISMATCH', 'record')
  const expected = state?.log.size ?? 0
  if (delta.firstIndex !== expected) refuse('STATE_MISMATCH', `entries from ${expected} on`, delta.firstIndex)
  return delta.entries
}

function adoptLoaded(
  instance: Instance,
  loading: Loading,
  params: ParsedParams<'load_state'>,
  claim: Claim,
): LoadResult {
  const { state, opener } = loading
  if (state === undefined) throw new CodedError('STATE_MISMATCH', 'expected records of a ledger, got none')
  const { lastRecord, lastTag, epoch } = opener.end()
  const end = { firstRecord: lastRecord + 1, prevTag: lastTag, epoch }
  return adopt(instance, state, { claim, end, approval: params.approval, entries: [] })
}
