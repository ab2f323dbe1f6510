/** Journal lines through the enclave's socket, sealed and acknowledged, beside hashing and parsing the same lines. */
import { createHash } from 'node:crypto'
import { generateJournal } from '../journal/generate.ts'
import { LINES_PER_CALL, openBenchLedger } from './enclave.ts'
import { bestMs, type Figure, rateFigure, timeMs } from './figure.ts'

const RUNS = 3
const LINES = 20_000
const SEED = 20_261_120
const ACCOUNTS = 60
const MS_PER_SECOND = 1_000

export async function journalFigure(said: (step: string) => void): Promise<Figure> {
  said('journal lines')
  const lines = [...generateJournal({ seed: SEED, lines: LINES })]
  const ms = await bestMs(RUNS, async () => {
    const ledger = await openBenchLedger(ACCOUNTS)
    try {
      const startMs = performance.now()
      await ledger.offer(lines)
      return performance.now() - startMs
    } finally {
      await ledger.close()
    }
  })
  const least = await bestMs(RUNS, () => timeMs(() => readOnce(lines)))
  const perSecond = (spentMs: number) => (lines.length * MS_PER_SECOND) / spentMs
  const what = `journal lines into the enclave, ${LINES_PER_CALL} a call`
  return rateFigure(what, perSecond(ms), 'hash, chain and parse the same lines', perSecond(least))
}

function readOnce(lines: readonly Uint8Array[]): void {
  let head = Buffer.alloc(32)
  for (const line of lines) {
    const lineHash = createHash('sha256').update(line).digest()
    head = createHash('sha256').update(head).update(lineHash).digest()
    try {
      JSON.parse(Buffer.from(line).toString('utf8'))
    } catch {
      // Some of the lines are bad on purpose; reading them costs the same.
    }
  }
}
