/**
 * Sealed snapshots, so that a load does not begin at genesis: `sealed/snapshots/<record>-<session>/<chunk>`. A folder gets
 * its name when all chunks are in it; a crash before leaves one that nobody reads.
 */
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../enclave/protocol/errors.ts'
import type { StatusResult } from '../enclave/protocol/method-results.ts'
import type { Segment } from './boot-records.ts'
import type { Context } from './context.ts'
import { makeFolder, readIfThere, syncFolder, writeDurably } from './durable-file.ts'
import type { DataPaths } from './paths.ts'

/** A load replays at most about so many records. */
export const SNAPSHOT_EVERY_RECORDS = 500
export const SNAPSHOTS_MAX = 100_000
/** Of one load: behind a broken one stands an older one, and behind that the records from genesis on. */
export const SNAPSHOTS_TRIED_MAX = 2
const CHUNKS_MAX = 100_000
const RECORD_DIGITS = 15

/** After delta `record` of boot `session`. */
export type Snapshot = { readonly session: string; readonly record: number; readonly folder: string }

/** Takes a snapshot when many records have come since the newest one. */
export async function snapshotIfDue(
  context: Pick<Context, 'enclave' | 'records' | 'config' | 'log'>,
  status: StatusResult,
  everyRecords: number = SNAPSHOT_EVERY_RECORDS,
): Promise<void> {
  const { session, nextRecord } = status
  if (session === undefined) return
  const newest = (await listSnapshots(context.config.paths)).findLast((snapshot) => snapshot.record < nextRecord)
  if (nextRecord - (newest?.record ?? 0) < everyRecords) return
  const record = await take(context, session)
  context.log.info({ record }, 'snapshot stored')
}

async function take(
  { enclave, records, config }: Pick<Context, 'enclave' | 'records' | 'config'>,
  session: string,
): Promise<number> {
  const draft = join(config.paths.sealed, 'snapshots', `draft-${session}`)
  await rm(draft, { recursive: true, force: true })
  let [record, count] = [0, 1]
  for (let chunk = 0; chunk < count; chunk++) {
    const answer = await enclave.call('export_snapshot', { chunk })
    if (answer.chunks > CHUNKS_MAX)
      throw new CodedError('ENCLAVE_ANSWER', `expected at most ${CHUNKS_MAX} chunks, got ${answer.chunks}`)
    ;[record, count] = [answer.record, answer.chunks]
    await writeDurably(join(draft, chunkName(chunk)), answer.chunk)
  }
  // A snapshot names the delta before it: that one must be stored, or nothing could follow.
  await records.heal(session)
  await rename(draft, folderOf(config.paths, record, session))
  await syncFolder(join(config.paths.sealed, 'snapshots'))
  return record
}

/** All whole snapshots, oldest first. */
export async function listSnapshots(paths: DataPaths): Promise<Snapshot[]> {
  const root = join(paths.sealed, 'snapshots')
  await makeFolder(root)
  return (await readdir(root))
    .sort()
    .slice(-SNAPSHOTS_MAX)
    .flatMap((name) => {
      const form = /^(\d{15})-(0x[0-9a-f]{40})$/.exec(name)
      if (form?.[1] === undefined || form[2] === undefined) return []
      return [{ record: Number(form[1]), session: form[2], folder: join(root, name) }]
    })
}

/** Snapshots on this path of records, newest first: a few, since the records alone will do. */
export async function snapshotsFor(paths: DataPaths, segments: readonly Segment[]): Promise<Snapshot[]> {
  const lies = ({ session, record }: Snapshot) =>
    segments.some((part) => part.session === session && part.from <= record && record < part.to)
  return (await listSnapshots(paths)).filter(lies).reverse().slice(0, SNAPSHOTS_TRIED_MAX)
}

/** The chunks in their order. */
export async function* readChunks({ folder }: Snapshot): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let chunk = 0; chunk < CHUNKS_MAX; chunk++) {
    const bytes = await readIfThere(join(folder, chunkName(chunk)))
    if (bytes === undefined) return
    yield new Uint8Array(bytes)
  }
}

function folderOf(paths: DataPaths, record: number, session: string): string {
  return join(paths.sealed, 'snapshots', `${record.toString().padStart(RECORD_DIGITS, '0')}-${session}`)
}

function chunkName(chunk: number): string {
  return chunk.toString().padStart(6, '0')
}
