/**
 * Records of each boot, apart from those of every other: `sealed/<session>.log` holds what only the enclave can read,
 * `audit/pending/<session>.log` the public entries of the same records, `sealed/<session>.json` where the boot went on
 * from. A boot is named by its session address, which exists nowhere twice. Nothing here is ever deleted: the tail of a
 * boot that lost is evidence, and a reorg may make it the truth again.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { type Address, isAddress } from '../enclave/protocol/ids.ts'
import type { ReleasedRecord } from '../enclave/protocol/method-results.ts'
import { concatBytes } from '../enclave/protocol/words.ts'
import { isMissing, readJsonIfThere, writeDurably } from './durable-file.ts'
import { FrameLog } from './frame-log.ts'
import type { DataPaths } from './paths.ts'

export const BOOTS_MAX = 1_000_000
/** One path from genesis to a boot: each step is a restart. */
export const ANCESTORS_MAX = 100_000

const address = z.string().refine(isAddress, 'expected a lower-case address')
const Boot = z.strictObject({
  session: address,
  /** Null after genesis; else the boot whose records below `end` were loaded. */
  parent: z.strictObject({ session: address, end: z.int().nonnegative() }).nullable(),
  /** Null until the enclave has signed for one. */
  epoch: z.int().nonnegative().nullable(),
  atMs: z.int().nonnegative(),
})
export type Boot = z.infer<typeof Boot>
export type Session = Address

export type BootLogs = { readonly boot: Boot; readonly sealed: FrameLog; readonly entries: FrameLog }
/** Records from..to−1 of one boot. */
export type Segment = { readonly session: Session; readonly from: number; readonly to: number }

/** Writes the note of a boot, before anything of it is stored. */
export async function writeBoot(paths: DataPaths, boot: Boot): Promise<void> {
  await writeDurably(notePath(paths, boot.session), `${JSON.stringify(boot)}\n`)
}

/** The note, or undefined. Refuses SEALED_STORE when it does not read back. */
export async function readBoot(paths: DataPaths, session: string): Promise<Boot | undefined> {
  return readJsonIfThere(notePath(paths, session), Boot, 'SEALED_STORE')
}

export async function readBoots(paths: DataPaths): Promise<Boot[]> {
  const boots: Boot[] = []
  for (const name of (await listed(paths.sealed)).slice(0, BOOTS_MAX)) {
    const boot = name.endsWith('.json') ? await readBoot(paths, name.slice(0, -'.json'.length)) : undefined
    if (boot !== undefined) boots.push(boot)
  }
  return boots
}

/** Both logs of a boot. They are opened on first use; the caller closes them. */
export function logsOf(paths: DataPaths, boot: Boot): BootLogs {
  const first = boot.parent?.end ?? 0
  return {
    boot,
    sealed: new FrameLog(join(paths.sealed, `${boot.session}.log`), first),
    entries: new FrameLog(join(paths.auditPending, `${boot.session}.log`), first),
  }
}

/** How many records of a boot are whole in both logs, as the number after the last. */
export async function storedEnd(logs: BootLogs): Promise<number> {
  return Math.min(await logs.sealed.refresh(), await logs.entries.refresh())
}

/** The records that lead to `end` of a boot, from genesis on. Refuses SEALED_STORE when an ancestor is missing. */
export async function pathTo(paths: DataPaths, session: string, end: number): Promise<Segment[]> {
  const segments = new Map<string, Segment>()
  let at: { session: string; end: number } | null = { session, end }
  for (let step = 0; at !== null; step++) {
    if (step >= ANCESTORS_MAX) throw new CodedError('SEALED_STORE', `expected at most ${ANCESTORS_MAX} boots in a row`)
    // Notes that lead in a circle would be read as often as that.
    if (segments.has(at.session))
      throw new CodedError(
        'SEALED_STORE',
        `expected boots that lead back to genesis, boot ${at.session} leads to itself`,
      )
    const boot: Boot | undefined = await readBoot(paths, at.session)
    if (boot === undefined)
      throw new CodedError('SEALED_STORE', `expected the note of boot ${at.session}, it is missing`)
    segments.set(at.session, { session: boot.session as Session, from: boot.parent?.end ?? 0, to: at.end })
    at = boot.parent
  }
  return [...segments.values()].reverse()
}

const INDEX_BYTES = 8
const LENGTH_BYTES = 2

/** The public part of a record: index of the first entry u64, then each entry behind its length u16. */
export function encodeEntries(record: Pick<ReleasedRecord, 'firstIndex' | 'entries'>): Uint8Array {
  const head = Buffer.alloc(INDEX_BYTES)
  head.writeBigUInt64BE(BigInt(record.firstIndex))
  const framed = record.entries.flatMap((entry) => {
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt16BE(entry.length)
    return [length, entry]
  })
  return concatBytes(head, ...framed)
}

/** Refuses SEALED_STORE when the lengths don't fit. */
export function decodeEntries(payload: Uint8Array): { readonly firstIndex: number; readonly entries: Uint8Array[] } {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const entries: Uint8Array[] = []
  let at = INDEX_BYTES
  while (at + LENGTH_BYTES <= bytes.length) {
    const end = at + LENGTH_BYTES + bytes.readUInt16BE(at)
    if (end > bytes.length) break
    entries.push(payload.subarray(at + LENGTH_BYTES, end))
    at = end
  }
  if (at !== bytes.length)
    throw new CodedError('SEALED_STORE', `expected whole entries in ${bytes.length} bytes, ${at} fit`)
  return { firstIndex: Number(bytes.readBigUInt64BE(0)), entries }
}

function notePath(paths: DataPaths, session: string): string {
  return join(paths.sealed, `${session}.json`)
}

async function listed(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}
