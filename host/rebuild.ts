/**
 * The ledger from its public log, when the sealed records are lost (protocol section 5). An operator asks for it by a file,
 * and a boot that finds the file does it: 1 old sealed files aside, 2 note of the boot, 3 the log through the enclave,
 * 4 its public entries with the unpublished tail before them, 5 sealed record, 6 snapshot, 7 the session's name in the
 * file. The file goes when a session has landed. A crash before 7 leaves it, and the next boot begins at 1 again; after 7
 * it loads what was rebuilt, since the session may land meanwhile and no approval is good for a second epoch.
 */
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CodedError, isCoded, refuse } from '../enclave/protocol/errors.ts'
import { type Address, isAddress, toAddress } from '../enclave/protocol/ids.ts'
import type { LoadResult, ReleasedRecord } from '../enclave/protocol/method-results.ts'
import { ENTRIES_PER_CALL_MAX, type Params } from '../enclave/protocol/methods.ts'
import { encodeEntries, logsOf, writeBoot } from './boot-records.ts'
import type { Landing } from './chain.ts'
import type { Context } from './context.ts'
import { isMissing, makeFolder, readJsonIfThere, syncFolder, writeDurably } from './durable-file.ts'
import { FRAME_PAYLOAD_BYTES_MAX } from './frame-log.ts'
import { type Candidate, planLoad } from './load-plan.ts'
import type { DataPaths } from './paths.ts'
import type { Claim } from './prefix.ts'
import { readPending, readPublished } from './published-entries.ts'
import { takeSnapshot } from './snapshots.ts'

type RebuildContext = Pick<Context, 'config' | 'enclave' | 'chain' | 'records' | 'audit' | 'log' | 'now'>

const Asked = z.strictObject({ atMs: z.int().nonnegative(), session: z.string().refine(isAddress).optional() })
/** Half of a frame: the entries of one call. */
const CALL_BYTES_MAX = 4_194_304
/** Sessions whose pending logs may hold a part of the tail. */
const SESSIONS_BACK_MAX = 64

const askedFile = (paths: DataPaths) => join(paths.control, 'rebuild.json')

/** With `session` once its ledger is rebuilt and stored, and before it opens. */
export async function askForRebuild(paths: DataPaths, atMs: number, session?: Address): Promise<void> {
  await writeDurably(askedFile(paths), `${JSON.stringify({ atMs, session })}\n`)
}

export async function isRebuildAsked(paths: DataPaths): Promise<boolean> {
  return (await readAsked(paths)) !== undefined
}

function readAsked(paths: DataPaths): Promise<z.infer<typeof Asked> | undefined> {
  return readJsonIfThere(askedFile(paths), Asked, 'CONFIG_INVALID')
}

/** What a boot has to do about a request: `again` loads the ledger that the boot of `session` rebuilt. */
export type RebuildStep = { readonly kind: 'none' | 'rebuild' } | { readonly kind: 'again'; readonly session: Address }

export async function nextRebuildStep(paths: DataPaths): Promise<RebuildStep> {
  const asked = await readAsked(paths)
  if (asked === undefined) return { kind: 'none' }
  const session = asked.session === undefined ? undefined : toAddress(asked.session)
  return session === undefined ? { kind: 'rebuild' } : { kind: 'again', session }
}

/**
 * What leads to the head after a rebuild whose session may have landed or not: the records of whichever session did, else
 * the first record of the rebuilt chain, behind its snapshot. Refuses PREFIX_NONE.
 */
export async function planRebuilt(
  { config, chain }: Pick<Context, 'config' | 'chain'>,
  session: Address,
  claim: Claim,
): Promise<Candidate[]> {
  try {
    return await planLoad(config.paths, chain, claim)
  } catch (error) {
    if (!isCoded(error, 'PREFIX_NONE')) throw error
    // The rebuilt state has settled its newest commit.
    return [{ segments: [{ session, from: 0, to: 1 }], claim: { ...claim, bitmap: null } }]
  }
}

/** Once the session of the rebuilt ledger has landed: from here on its snapshot and records are loaded. */
export async function rebuildIsDone(paths: DataPaths): Promise<void> {
  await rm(askedFile(paths), { force: true })
}

type RebuildTerms = {
  readonly claim: Claim
  readonly sequence: number
  /** Where log key or configuration are others than the log's [G5]. */
  readonly approval: Params<'rebuild'>['approval']
}

/** From provisioned to recovering. Refuses AUDIT_STORE, LOG_MISMATCH, PREFIX_NONE without an anchored header, and what the enclave refuses. */
export async function rebuildLedger(
  context: RebuildContext,
  session: Address,
  { claim, sequence, approval }: RebuildTerms,
): Promise<void> {
  const { config, enclave, chain, records, audit, log, now } = context
  const anchored = await anchoredCommit(context, claim, sequence)
  const published = await audit.published()
  const size = Math.min(published.size, anchored.logSize)
  const tail = await readPending(config.paths, await sessionsBefore(chain, claim.epoch), size, anchored.logSize)
  await moveAside(config.paths, now())
  await writeBoot(config.paths, { session, parent: null, epoch: null, atMs: now() })
  await sendEntries(enclave, readPublished(config.paths, size), tail)
  const result = await enclave.call('rebuild', { entries: [], claimed: claim, ...(approval && { approval }) })
  if (result.more) throw new CodedError('ENCLAVE_ANSWER', 'expected a rebuilt ledger, got a call for more')
  await storeRebuilt(context, session, tail, result)
  await records.heal(session)
  await takeSnapshot(context, session)
  await askForRebuild(config.paths, now(), session)
  log.warn({ sequence: anchored.sequence, entries: anchored.logSize, tail: tail.length }, 'ledger rebuilt from its log')
}

async function anchoredCommit({ chain }: RebuildContext, { head }: Claim, sequence: number): Promise<Landing> {
  const landing = sequence === 0 ? undefined : await chain.landingOf(sequence)
  if (landing === undefined)
    throw new CodedError('PREFIX_NONE', `expected a commit on chain behind head ${head}, there is none to rebuild from`)
  return landing
}

async function sessionsBefore(chain: Context['chain'], epoch: number): Promise<string[]> {
  const sessions: string[] = []
  for (let at = epoch; at > Math.max(0, epoch - SESSIONS_BACK_MAX); at--) {
    const session = await chain.sessionOf(at)
    if (session !== undefined) sessions.push(session)
  }
  return sessions
}

/** Nothing sealed is ever deleted: what is left of it may be evidence. */
async function moveAside(paths: DataPaths, atMs: number): Promise<void> {
  const aside = `${paths.sealed}-aside`
  await makeFolder(aside)
  await rename(paths.sealed, join(aside, `${atMs}`)).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
  // A new folder of the old name is made next: a power cut must not leave the disk to choose between the two.
  await syncFolder(aside)
  await syncFolder(paths.root)
}

async function sendEntries(
  enclave: Context['enclave'],
  bundles: AsyncIterable<Uint8Array[]>,
  tail: readonly Uint8Array[],
): Promise<void> {
  let batch: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  const flush = async () => {
    if (batch.length > 0) await enclave.call('rebuild', { entries: batch, more: true })
    batch = []
    bytes = 0
  }
  const add = async (entries: readonly Uint8Array[]) => {
    for (const entry of entries) {
      if (batch.length >= ENTRIES_PER_CALL_MAX || bytes + entry.length > CALL_BYTES_MAX) await flush()
      batch.push(new Uint8Array(entry))
      bytes += entry.length
    }
  }
  for await (const entries of bundles) await add(entries)
  await add(tail)
  await flush()
}

type Rebuilt = Extract<LoadResult, { more: false }>

/**
 * The first public frame of the new chain begins with the tail that was not published yet, so that it is published from
 * here like any other entry. It is written before the record: whoever stores the record finds the frame there.
 */
async function storeRebuilt(
  { config, records }: RebuildContext,
  session: Address,
  tail: readonly Uint8Array[],
  { released }: Rebuilt,
): Promise<void> {
  const [first] = released
  if (first === undefined) throw new CodedError('ENCLAVE_ANSWER', 'expected the record of a rebuilt ledger, got none')
  const frame = encodeEntries(withTail(first, tail))
  if (frame.length > FRAME_PAYLOAD_BYTES_MAX)
    refuse(
      'AUDIT_STORE',
      `a tail of ${FRAME_PAYLOAD_BYTES_MAX} bytes; wait until the newest commit is final`,
      frame.length,
    )
  const logs = logsOf(config.paths, { session, parent: null, epoch: null, atMs: 0 })
  try {
    await logs.entries.write(first.record, frame)
    await logs.entries.sync()
  } finally {
    await logs.sealed.close()
    await logs.entries.close()
  }
  await records.store(session, released)
}

function withTail(record: ReleasedRecord, tail: readonly Uint8Array[]): Pick<ReleasedRecord, 'firstIndex' | 'entries'> {
  return { firstIndex: record.firstIndex - tail.length, entries: [...tail, ...record.entries] }
}
