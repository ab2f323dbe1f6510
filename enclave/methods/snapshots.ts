/** The whole state, sealed, in chunks: a cache for the host, which the log can rebuild. */
import { encodeSnapshot } from '../core/snapshot.ts'
import { type Instance, lastHeaderHash, stateOf } from '../instance.ts'
import { assert, CodedError, refuse } from '../protocol/errors.ts'
import { FRAME_BYTES_MAX } from '../protocol/frame.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { packRecords } from '../seal/record-file.ts'
import { CHUNK_BYTES_MAX } from '../seal/snapshot.ts'

/** Chunk 0 takes a new snapshot; the others follow in order, and the last one given may be asked for again. */
export function exportSnapshot(
  instance: Instance,
  params: ParsedParams<'export_snapshot'>,
): MethodResults['export_snapshot'] {
  if (params.chunk === 0) begin(instance)
  const { snapshot } = instance
  if (snapshot === undefined) throw new CodedError('RECORD_UNKNOWN', 'expected chunk 0 first, got a later one')
  if (params.chunk === snapshot.next && params.chunk < snapshot.count) {
    const { value } = snapshot.chunks.next()
    assert(value !== undefined, 'a snapshot has as many chunks as it says')
    snapshot.last = value
    snapshot.next++
  }
  if (params.chunk !== snapshot.next - 1)
    refuse('RECORD_UNKNOWN', `chunk ${snapshot.next - 1} or ${snapshot.next} of ${snapshot.count}`, params.chunk)
  return { chunk: snapshot.last, chunks: snapshot.count, record: snapshot.record }
}

function begin(instance: Instance): void {
  const { sealer } = instance
  const state = stateOf(instance)
  assert(sealer !== undefined, 'a state has a sealer')
  const bytes = encodeSnapshot(state)
  instance.snapshot = {
    chunks: sealer.sealSnapshot(lastHeaderHash(state), bytes),
    count: Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES_MAX)),
    record: sealer.nextRecord - 1,
    last: new Uint8Array(0),
    next: 0,
  }
}

/** As the replaced system gave it: one blob. A state that does not fit a frame is exported in chunks. */
export function exportState(instance: Instance): MethodResults['export_state'] {
  begin(instance)
  const { snapshot } = instance
  assert(snapshot !== undefined, 'a snapshot was begun')
  if (snapshot.count * CHUNK_BYTES_MAX * 2 > FRAME_BYTES_MAX)
    refuse('FRAME_TOO_LARGE', 'a state of one frame; use export_snapshot', `${snapshot.count} chunks`)
  const chunks = [...{ [Symbol.iterator]: () => snapshot.chunks }]
  instance.snapshot = undefined
  return { blob_b64: Buffer.from(packRecords(chunks)).toString('base64'), ledger_root: stateOf(instance).head }
}
