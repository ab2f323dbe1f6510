/** One call after another over the enclave's socket, beside a program that sends the same bytes straight back. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFrame, encodeMessage } from '../../enclave/protocol/frame.ts'
import { openBenchLedger } from './enclave.ts'
import { bestMs, type Figure, rateFigure } from './figure.ts'

const RUNS = 3
const CALLS = 5_000
const ACCOUNTS = 60
const MS_PER_SECOND = 1_000

export async function roundTripFigure(said: (step: string) => void): Promise<Figure> {
  said('round trips')
  const ledger = await openBenchLedger(ACCOUNTS)
  try {
    const ms = await bestMs(RUNS, async () => {
      const startMs = performance.now()
      for (let call = 0; call < CALLS; call++) await ledger.client.call('address', {})
      return performance.now() - startMs
    })
    const least = await echoMs()
    const perSecond = (spentMs: number) => (CALLS * MS_PER_SECOND) / spentMs
    return rateFigure(
      'calls of the enclave, one after another',
      perSecond(ms),
      'the same frame echoed by a bare socket',
      perSecond(least),
    )
  } finally {
    await ledger.close()
  }
}

async function echoMs(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'echo-'))
  const path = join(dir, 'e.sock')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'echo.ts'), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    const socket = connect(path)
    await once(socket, 'connect')
    const frame = Buffer.from(encodeFrame(encodeMessage({ method: 'address', params: {} }, 'cbor')))
    const ms = await bestMs(RUNS, async () => {
      const startMs = performance.now()
      for (let call = 0; call < CALLS; call++) await echoOnce(socket, frame)
      return performance.now() - startMs
    })
    socket.destroy()
    return ms
  } finally {
    const gone = once(child, 'exit')
    child.stdin.end()
    await gone
    rmSync(dir, { recursive: true, force: true })
  }
}

function echoOnce(socket: Socket, frame: Buffer): Promise<void> {
  return new Promise((done) => {
    let missing = frame.length
    const take = (bytes: Buffer) => {
      missing -= bytes.length
      if (missing > 0) return
      socket.off('data', take)
      done()
    }
    socket.on('data', take)
    socket.write(frame)
  })
}
