/** Journal lines through the enclave's socket, sealed and acknowledged, beside the least that any reader of them must do. */
import { hash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateJournal } from '../journal/generate.ts'
import { IN_FLIGHT_MAX, openBenchLedger } from './enclave.ts'
import { bestMs, type Figure, perSecond, shareFigure, timeMs } from './figure.ts'
import type { Sizes } from './sizes.ts'

const SEED = 20_261_120
const ACCOUNTS = 60
const NEWLINE = 10
const HASH_BYTES = 32

export async function journalFigure(sizes: Sizes): Promise<Figure> {
  const lines = [...generateJournal({ seed: SEED, lines: sizes.lines * sizes.runs })]
  const parts = Array.from({ length: sizes.runs }, (_, run) => lines.slice(run * sizes.lines, (run + 1) * sizes.lines))
  const ms = await enclaveMs(parts)
  const least = await leastMs(parts)
  return shareFigure(
    {
      what: 'journal lines applied, logged and sealed',
      bound: 'read, parse and twice hash the same lines',
      target: { side: 'at least', ratio: 0.5 },
      note: 'two hashes more for the log, a strict reading of keys, the entry, its seal; next: hashes in one call for many lines',
    },
    perSecond(sizes.lines, ms),
    perSecond(sizes.lines, least),
  )
}

/** Best of the parts, on one ledger that goes on: the first part warms the compiler up. */
async function enclaveMs(parts: readonly (readonly Uint8Array[])[]): Promise<number> {
  const ledger = await openBenchLedger(ACCOUNTS)
  try {
    let best = Number.POSITIVE_INFINITY
    for (const part of parts) {
      const frames = ledger.frames(part)
      best = Math.min(best, await ledger.computing(() => ledger.wire.exchange(frames, IN_FLIGHT_MAX)))
    }
    return best
  } finally {
    await ledger.close()
  }
}

async function leastMs(parts: readonly (readonly Uint8Array[])[]): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'lines-'))
  try {
    const paths = parts.map((part, at) => {
      const path = join(dir, `${at}.log`)
      writeFileSync(path, Buffer.concat(part))
      return path
    })
    let at = 0
    return await bestMs(parts.length, () => timeMs(() => readOnce(paths[at++] as string)))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The line's hash and the chain over it are what the protocol wants of any journal. */
function readOnce(path: string): void {
  const bytes = readFileSync(path)
  const chain = Buffer.alloc(2 * HASH_BYTES)
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start) + 1
    const line = bytes.subarray(start, end)
    start = end
    chain.write(hash('sha256', line, 'binary'), HASH_BYTES, 'latin1')
    chain.write(hash('sha256', chain, 'binary'), 'latin1')
    try {
      JSON.parse(line.toString('utf8'))
    } catch {
      // Some of the lines are bad on purpose; reading them costs the same.
    }
  }
}
