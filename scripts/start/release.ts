/** The shipped journal is released bit by bit, so that the ledger is paid from while it grows. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { makeFolder, writeDurably } from '../../host/durable-file.ts'
import { DEMO_JOURNAL, generateJournal } from '../journal/generate.ts'
import type { Folder } from './folder.ts'

/** Line counts after each step, rising to `lines`. The first step is larger: it opens most of the accounts. */
export function planRelease(lines: number, steps: number): number[] {
  const shares = steps + FIRST_SHARES - 1
  const after = (step: number) => Math.floor((lines * Math.min(shares, step + FIRST_SHARES - 1)) / shares)
  const counts = Array.from({ length: steps }, (_, at) => after(at + 1))
  return counts.filter((count, at) => count > (counts[at - 1] ?? 0))
}

export const RELEASE_STEPS = 24
/** sha256 of the shipped journal, pinned by a test too: the same seed, the same bytes. */
export const SHIPPED_SHA256 = 'cd9eaf3ff762bcbb04ac6600efa157c794f24f81eb4b7d7fc54e4e02e2d50b98'
const FIRST_SHARES = 2
const NEWLINE = 10

export type Release = {
  readonly linesTotal: number
  /** Lines released so far. */
  linesOut(): number
  /** Appends the lines up to `lines`, durably. Does nothing when they are out. */
  to(lines: number): Promise<void>
}

/** Writes the shipped journal on first use. Refuses JOURNAL_FORK when what was released before is not its beginning. */
export async function openRelease(folder: Folder): Promise<Release> {
  const shipped = await readShipped(folder)
  const ends = lineEnds(shipped)
  await makeFolder(dirname(folder.released))
  const outBytes = existsSync(folder.released) ? statSync(folder.released).size : 0
  if (outBytes > shipped.length || !readReleased(folder, outBytes).equals(shipped.subarray(0, outBytes))) {
    throw new CodedError(
      'JOURNAL_FORK',
      `expected ${folder.released} to begin like ${folder.shipped}; type: npm start -- --fresh`,
    )
  }
  // The journal is there from the first look on, if only empty.
  await append(folder.released, Buffer.alloc(0))
  let out = outBytes
  return {
    linesTotal: ends.length,
    linesOut: () => ends.findLastIndex((end) => end <= out) + 1,
    to: async (lines) => {
      const end = ends[lines - 1] ?? 0
      if (end <= out) return
      // The rest of a line that a crash cut in two comes first; the reader waits for its newline.
      await append(folder.released, shipped.subarray(out, end))
      out = end
    },
  }
}

async function readShipped(folder: Folder): Promise<Buffer> {
  if (existsSync(folder.shipped)) {
    const bytes = readFileSync(folder.shipped)
    if (createHash('sha256').update(bytes).digest('hex') === SHIPPED_SHA256) return bytes
  }
  const bytes = Buffer.concat([...generateJournal(DEMO_JOURNAL)])
  await writeDurably(folder.shipped, bytes)
  return bytes
}

function lineEnds(bytes: Buffer): number[] {
  const ends: number[] = []
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) ends.push(at + 1)
  return ends
}

function readReleased(folder: Folder, bytes: number): Buffer {
  return bytes === 0 ? Buffer.alloc(0) : readFileSync(folder.released)
}

async function append(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    await file.writeFile(bytes)
    await file.datasync()
  } finally {
    await file.close()
  }
}
