/** One call after another over the enclave's socket, beside a program that sends the same bytes straight back. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBenchLedger } from './enclave.ts'
import { bestMs, type Figure, perSecond, shareFigure } from './figure.ts'
import type { Sizes } from './sizes.ts'
import { openWire, requestFrame, type Wire } from './wire.ts'

const ACCOUNTS = 60
const frame = requestFrame('address', {})

export async function roundTripFigure(sizes: Sizes): Promise<Figure> {
  const ledger = await openBenchLedger(ACCOUNTS)
  try {
    const frames = Array.from({ length: sizes.calls }, () => frame)
    const oneByOne = (wire: Wire) => bestMs(sizes.runs, () => wire.exchange(frames, 1))
    const ms = await oneByOne(ledger.wire)
    const least = await withEcho(oneByOne)
    return shareFigure(
      {
        what: 'calls of the enclave, one after another',
        bound: 'the same frames echoed by a bare socket',
        target: { side: 'at least', ratio: 0.7 },
        note: 'reading and checking the call, its turn among clients, one timer; next: no timer for each call',
      },
      perSecond(sizes.calls, ms),
      perSecond(sizes.calls, least),
    )
  } finally {
    await ledger.close()
  }
}

async function withEcho(measure: (wire: Wire) => Promise<number>): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'echo-'))
  const path = join(dir, 'e.sock')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'echo.ts'), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    const wire = await openWire(path)
    try {
      return await measure(wire)
    } finally {
      wire.close()
    }
  } finally {
    const gone = once(child, 'exit')
    child.stdin.end()
    await gone
    rmSync(dir, { recursive: true, force: true })
  }
}
