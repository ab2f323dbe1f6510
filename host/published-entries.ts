/** Entries of the public log as published, and of the tail that waits in audit/pending whatever became of its boots. */
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../enclave/protocol/errors.ts'
import { decodeEntryBundle, TILE_WIDTH, tilePath } from '../enclave/protocol/tlog.ts'
import { decodeEntries } from './boot-records.ts'
import { isMissing } from './durable-file.ts'
import { FrameLog } from './frame-log.ts'
import type { DataPaths } from './paths.ts'

export const PENDING_LOGS_MAX = 10_000
/** Number u48 of a frame, behind its length and checksum. */
const NUMBER_AT = 8
const HEAD_BYTES = 14

/** Entries 0..size−1 of the tiles. Refuses AUDIT_STORE, TILE_SYNTAX. */
export async function* readPublished(paths: DataPaths, size: number): AsyncGenerator<Uint8Array[]> {
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH)
    yield (await bundle(paths, index, width)).slice(0, width)
  }
}

/** A later publication may have made the partial bundle a full one. */
async function bundle(paths: DataPaths, index: number, width: number): Promise<Uint8Array[]> {
  for (const span of new Set([width, TILE_WIDTH])) {
    const path = join(paths.audit, tilePath({ kind: 'entries', index, width: span }))
    const bytes = await readFile(path).catch((error: unknown) => {
      if (isMissing(error)) return undefined
      throw error
    })
    if (bytes !== undefined) return decodeEntryBundle(new Uint8Array(bytes), span)
  }
  throw new CodedError('AUDIT_STORE', `expected entry bundle ${index} of ${width} entries in ${paths.audit}`)
}

/**
 * Entries from..to−1 out of the pending logs, `sessions` in the order of preference: the newest first. Their notes are gone
 * with the sealed files, so which boot went on from which is a guess; the anchored root judges it. Refuses AUDIT_STORE.
 */
export async function readPending(
  paths: DataPaths,
  sessions: readonly string[],
  from: number,
  to: number,
): Promise<Uint8Array[]> {
  const found = new Map<number, Uint8Array>()
  const names = (await readdir(paths.auditPending).catch(() => [])).slice(0, PENDING_LOGS_MAX)
  const known = new Set(names)
  let upTo = to
  for (const session of sessions) {
    if (upTo <= from || !known.has(`${session}.log`)) continue
    upTo = Math.min(upTo, await takeFrom(join(paths.auditPending, `${session}.log`), from, upTo, found))
  }
  // Counted before anything is laid out: `to` is an endpoint's word, and may be any number.
  if (found.size < to - from)
    throw new CodedError('AUDIT_STORE', `expected entries ${from} to ${to}, ${found.size} of them are in audit/pending`)
  return Array.from({ length: to - from }, (_, at) => found.get(from + at) as Uint8Array)
}

/** Takes entries below `to`, and returns the first index that this log holds: an older boot has what comes before. */
async function takeFrom(path: string, from: number, to: number, into: Map<number, Uint8Array>): Promise<number> {
  const log = new FrameLog(path, await firstNumber(path))
  let first = to
  try {
    const end = await log.refresh()
    for await (const payload of log.read(log.first, end)) {
      const { firstIndex, entries } = decodeEntries(payload)
      first = Math.min(first, firstIndex)
      for (const [at, entry] of entries.entries())
        if (firstIndex + at >= from && firstIndex + at < to) into.set(firstIndex + at, entry)
    }
    return first
  } finally {
    await log.close()
  }
}

async function firstNumber(path: string): Promise<number> {
  const file = await open(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0)
    return bytesRead < HEAD_BYTES ? 0 : head.readUIntBE(NUMBER_AT, HEAD_BYTES - NUMBER_AT)
  } finally {
    await file.close()
  }
}
