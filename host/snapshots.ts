/**
 * Sealed snapshots, so that a load does not begin at genesis: `sealed/snapshots/<record>-<session>/<chunk>`. A folder gets
 * its name when all chunks are in it, and loses it before the first one goes: a crash leaves one that nobody reads.
 */
import { readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import type { StatusResult } from '../enclave/protocol/method-results.ts'
import type { Segment } from './boot-records.ts'
import type { Context } from './context.ts'
import { makeFolder, readIfThere, readJsonIfThere, syncFolder, writeDurably } from './durable-file.ts'
import type { DataPaths } from './paths.ts'
import { type Final, isFinal } from './prefix.ts'

/** A load replays at most about so many records. */
export const SNAPSHOT_EVERY_RECORDS = 500
export const SNAPSHOTS_MAX = 100_000
/** Of one load: behind a broken one stands an older one, and behind that the records from genesis on. */
export const SNAPSHOTS_TRIED_MAX = 2
/** Final ones that stay; older ones go. */
export const SNAPSHOTS_KEPT = SNAPSHOTS_TRIED_MAX
const CHUNKS_MAX = 100_000
const RECORD_DIGITS = 15

/** After delta `record` of boot `session`. */
export type Snapshot = { readonly session: string; readonly record: number; readonly folder: string }

const STANDING_FILE = 'standing.json'
/** The newest sequence and epoch that the snapshot may hold: when the chain has made both final, so is the snapshot. */
const SnapshotStanding = z.strictObject({ settled: z.int().nonnegative(), epoch: z.int().nonnegative() })

type SnapshotContext = Pick<Context, 'enclave' | 'records' | 'config' | 'log' | 'chain'>

/** Takes a snapshot when many records have come since the newest one, and drops those that nobody needs any more. */
export async function snapshotIfDue(
  context: SnapshotContext,
  status: StatusResult,
  everyRecords: number = SNAPSHOT_EVERY_RECORDS,
): Promise<void> {
  const { session, nextRecord } = status
  if (session === undefined) return
  const newest = (await listSnapshots(context.config.paths)).findLast((snapshot) => snapshot.record < nextRecord)
  if (nextRecord - (newest?.record ?? 0) < everyRecords) return
  const record = await takeSnapshot(context, session)
  context.log.info({ record }, 'snapshot stored')
  await prune(context)
}

/** One more snapshot, whatever there is already; returns the record that it follows. */
export async function takeSnapshot({ enclave, records, config }: SnapshotContext, session: string): Promise<number> {
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
  // Asked after the last chunk: what settled meanwhile makes it seem younger than it is, never older.
  const { ledger } = await enclave.call('status', {})
  const standing = { settled: ledger?.sequence ?? 0, epoch: ledger?.epoch ?? 0 }
  await writeDurably(join(draft, STANDING_FILE), `${JSON.stringify(standing)}\n`)
  // A snapshot names the delta before it: that one must be stored, or nothing could follow.
  await records.heal(session)
  await rename(draft, folderOf(config.paths, record, session))
  await syncFolder(join(config.paths.sealed, 'snapshots'))
  return record
}

/**
 * Drops what is older than the newest SNAPSHOTS_KEPT final ones. One that a reorg may undo is not counted: it could be
 * the only one left then. The records themselves stay.
 */
async function prune({ chain, config }: SnapshotContext): Promise<void> {
  const final = await chain.final()
  let kept = 0
  for (const snapshot of (await listSnapshots(config.paths)).reverse()) {
    if (kept >= SNAPSHOTS_KEPT) await rename(snapshot.folder, goneOf(config.paths, snapshot))
    else if (await isOnFinalChain(chain, snapshot, final)) kept += 1
  }
  const root = join(config.paths.sealed, 'snapshots')
  await syncFolder(root)
  for (const name of await readdir(root)) {
    if (name.startsWith(GONE)) await rm(join(root, name), { recursive: true, force: true })
  }
}

const GONE = 'gone-'

function goneOf(paths: DataPaths, { folder }: Snapshot): string {
  return join(paths.sealed, 'snapshots', `${GONE}${basename(folder)}`)
}

async function isOnFinalChain(chain: Context['chain'], { session, folder }: Snapshot, final: Final): Promise<boolean> {
  const standing = await readJsonIfThere(join(folder, STANDING_FILE), SnapshotStanding, 'SEALED_STORE')
  if (standing === undefined) return false
  // Two boots may have signed for one epoch: the chain says which of them opened it.
  return isFinal(standing, final) && (await chain.sessionOf(standing.epoch)) === session
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

/**
 * Snapshots on this path of records, newest first: a few, since the records alone will do. The oldest is always among them:
 * a rebuilt ledger begins with it.
 */
export async function snapshotsFor(paths: DataPaths, segments: readonly Segment[]): Promise<Snapshot[]> {
  const lies = ({ session, record }: Snapshot) =>
    segments.some((part) => part.session === session && part.from <= record && record < part.to)
  const found = (await listSnapshots(paths)).filter(lies).reverse()
  return [...found.slice(0, SNAPSHOTS_TRIED_MAX), ...found.slice(SNAPSHOTS_TRIED_MAX).slice(-1)]
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
