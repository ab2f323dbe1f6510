/** Which stored records to load for the head on chain, best first (protocol section 5) [G12]. */
import { CodedError } from '../enclave/protocol/errors.ts'
import {
  type BootLogs,
  decodeEntries,
  logsOf,
  pathTo,
  readBoot,
  readBoots,
  type Segment,
  storedEnd,
} from './boot-records.ts'
import type { Chain } from './chain.ts'
import type { DataPaths } from './paths.ts'
import {
  type Claim,
  type Final,
  isFinal,
  matches,
  STANDING_AT_GENESIS,
  type Standing,
  standingAfter,
} from './prefix.ts'
import { readChunks, type Snapshot } from './snapshots.ts'

/** Load these records, in this order, and claim this. */
export type Candidate = { readonly segments: readonly Segment[]; readonly claim: Claim }

/** Sessions looked back to when the records of the newest are not here. */
export const SESSIONS_BACK_MAX = 16

/**
 * The longest prefix that is final, then the longest that has landed. Empty when no session of ours ever landed: then the
 * ledger begins with genesis. Refuses PREFIX_NONE when sessions landed and nothing stored leads to the head.
 */
export async function planLoad(paths: DataPaths, chain: Chain, claim: Claim): Promise<Candidate[]> {
  if (claim.epoch === 0) return []
  const final = await chain.final()
  for (let epoch = claim.epoch; epoch > Math.max(0, claim.epoch - SESSIONS_BACK_MAX); epoch--) {
    const session = await chain.sessionOf(epoch)
    const boot = session === undefined ? undefined : await readBoot(paths, session)
    if (boot === undefined) continue
    const candidates = await candidatesOf(paths, boot.session, claim, final)
    if (candidates.length > 0) return candidates
  }
  // Nothing was ever committed and nothing is stored: the genesis of an earlier boot left no trace that counts.
  if (BigInt(claim.head) === 0n && (await readBoots(paths)).length === 0) return []
  throw new CodedError(
    'PREFIX_NONE',
    `expected stored records that lead to head ${claim.head} of epoch ${claim.epoch}, found none`,
  )
}

async function candidatesOf(paths: DataPaths, session: string, claim: Claim, final: Final): Promise<Candidate[]> {
  const boot = await readBoot(paths, session)
  if (boot === undefined) return []
  const logs = logsOf(paths, boot)
  const end = await storedEnd(logs)
  await closeLogs(logs)
  const segments = await pathTo(paths, session, end)
  const found = await search(paths, segments, claim, final)
  const cuts = found.final?.end === found.any?.end ? [found.any] : [found.final, found.any]
  return cuts.flatMap((cut) =>
    cut === undefined ? [] : [{ segments: cutAt(segments, cut.end), claim: { ...claim, bitmap: cut.bitmap } }],
  )
}

type Cut = { readonly end: number; readonly bitmap: Claim['bitmap'] }

async function search(
  paths: DataPaths,
  segments: readonly Segment[],
  claim: Claim,
  final: Final,
): Promise<{ final: Cut | undefined; any: Cut | undefined }> {
  let standing: Standing = STANDING_AT_GENESIS
  const found: { final: Cut | undefined; any: Cut | undefined } = { final: undefined, any: undefined }
  for (const segment of segments) {
    let end = segment.from
    for await (const payload of readPublic(paths, segment)) {
      standing = standingAfter(standing, decodeEntries(payload).entries)
      end += 1
      const match = matches(standing, claim)
      if (match === undefined) continue
      found.any = { end, bitmap: match.bitmap }
      if (isFinal(standing, final)) found.final = found.any
    }
  }
  return found
}

async function* readPublic(paths: DataPaths, segment: Segment): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield* readLog(paths, segment, 'entries')
}

/** The sealed records of a candidate, in order: those from genesis on, or a snapshot on the way and what follows it. */
export async function* readSealed(
  paths: DataPaths,
  candidate: Candidate,
  snapshot?: Snapshot,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (snapshot !== undefined) yield* readChunks(snapshot)
  const first = snapshot === undefined ? 0 : snapshot.record + 1
  for (const segment of candidate.segments) {
    if (segment.to > first) yield* readLog(paths, { ...segment, from: Math.max(first, segment.from) }, 'sealed')
  }
}

async function* readLog(
  paths: DataPaths,
  segment: Segment,
  which: 'sealed' | 'entries',
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const boot = await readBoot(paths, segment.session)
  if (boot === undefined)
    throw new CodedError('SEALED_STORE', `expected the note of boot ${segment.session}, it is missing`)
  const logs = logsOf(paths, boot)
  try {
    await logs[which].refresh()
    yield* logs[which].read(segment.from, segment.to)
  } finally {
    await closeLogs(logs)
  }
}

async function closeLogs(logs: BootLogs): Promise<void> {
  await logs.sealed.close()
  await logs.entries.close()
}

/** Record numbers run on across boots, so one number cuts the whole path. */
function cutAt(segments: readonly Segment[], end: number): Segment[] {
  return segments.filter(({ from }) => from < end).map((segment) => ({ ...segment, to: Math.min(segment.to, end) }))
}
