/** The stored log as it lies on disk: what the ledger knows while no enclave runs. */
import { decodeEntry, type Entry } from '../../enclave/protocol/entry.ts'
import { type Boot, decodeEntries, logsOf, pathTo, readBoot, readBoots, storedEnd } from '../../host/boot-records.ts'
import { EntryReader } from '../../host/entry-reader.ts'
import type { DataPaths } from '../../host/paths.ts'

export type StoredLog = {
  /** The boot that got furthest. */
  readonly session: string
  readonly entries: readonly Entry[]
  /** Highest sequence that an entry settles, 0 before the first. */
  readonly settled: number
  /** Highest epoch whose session went on to act, so that it must have landed; 0 before the first. */
  readonly epochActed: number
}

/** The log of the boot that got furthest; undefined where no ledger has begun. */
export async function readStoredLog(paths: DataPaths): Promise<StoredLog | undefined> {
  const boots = await readBoots(paths)
  // A boot that another went on from is part of the other's log.
  const continued = new Set(boots.map(({ parent }) => parent?.session))
  const leaves = boots.filter(({ session }) => !continued.has(session))
  const logs = await Promise.all(leaves.map((boot) => readOne(paths, boot)))
  return logs.reduce<StoredLog | undefined>(
    (best, log) => (best === undefined || isFurther(log, best) ? log : best),
    undefined,
  )
}

/** The whole log of one session, decoded. */
export async function readSessionLog(paths: DataPaths, session: string, logSize: number): Promise<Entry[]> {
  const reader = new EntryReader(paths)
  try {
    return (await reader.between(session, 0, logSize)).map((bytes) => decodeEntry(bytes))
  } finally {
    await reader.close()
  }
}

function isFurther(log: StoredLog, best: StoredLog): boolean {
  if (log.settled !== best.settled) return log.settled > best.settled
  if (log.epochActed !== best.epochActed) return log.epochActed > best.epochActed
  return log.entries.length > best.entries.length
}

async function readOne(paths: DataPaths, boot: Boot): Promise<StoredLog> {
  const own = logsOf(paths, boot)
  const end = await storedEnd(own)
  await own.sealed.close()
  await own.entries.close()
  const entries = (await readPath(paths, boot, end)).map((bytes) => decodeEntry(bytes))
  return { session: boot.session, entries, settled: settledIn(entries), epochActed: epochActedIn(entries) }
}

async function readPath(paths: DataPaths, boot: Boot, end: number): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  for (const segment of await pathTo(paths, boot.session, end)) {
    const at = await readBoot(paths, segment.session)
    if (at === undefined) continue
    const { entries } = logsOf(paths, at)
    await entries.refresh()
    for await (const payload of entries.read(segment.from, segment.to)) found.push(...decodeEntries(payload).entries)
    await entries.close()
  }
  return found
}

function settledIn(entries: readonly Entry[]): number {
  return entries.reduce(
    (highest, entry) => (entry.type === 'settle' ? Math.max(highest, entry.body.sequence) : highest),
    0,
  )
}

const ACTS: ReadonlySet<Entry['type']> = new Set(['credit', 'adjust', 'refuse', 'reserve', 'commit'])

function epochActedIn(entries: readonly Entry[]): number {
  let [opened, acted] = [0, 0]
  for (const entry of entries) {
    if (entry.type === 'open') opened = entry.body.epoch
    if (ACTS.has(entry.type) && opened > acted) acted = opened
  }
  return acted
}
