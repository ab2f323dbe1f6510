import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { encodeFrame, encodeMessage } from '../../enclave/protocol/frame.ts'
import { openWire, requestFrame } from '../../scripts/bench/wire.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'scripts', 'bench', 'main.ts')
const BENCH_MS_MAX = 300_000

describe('the bench', () => {
  it('measures every figure against a real enclave, and prints each beside its bound', async function () {
    this.timeout(BENCH_MS_MAX)
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, '--tiny'], { timeout: BENCH_MS_MAX })
    const figures = [
      'calls of the enclave',
      'journal lines',
      'tickets of one commit',
      'events at',
      'StandardMerkleTree',
      'hashes and signatures alone',
      'boot with',
      'audit of',
    ]
    for (const figure of figures) expect(stdout).to.contain(figure)
    expect(stdout).to.match(/cores, Node \d+/)
    expect(stdout).not.to.match(/NaN|Infinity|undefined/)
  })

  it('stops at a refusal, which as a figure would look like a fast success', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'refuses-'))
    const path = join(dir, 's')
    const refusal = encodeFrame(encodeMessage({ error: { code: 'HALTED', message: '' } }, 'cbor'))
    const server = createServer((socket) => socket.on('data', () => socket.write(refusal)))
    server.listen(path)
    await once(server, 'listening')
    const wire = await openWire(path)
    try {
      let refused: unknown
      await wire.exchange([requestFrame('address', {})], 1).catch((error: unknown) => {
        refused = error
      })
      expect(refused).to.be.instanceOf(TypeError)
    } finally {
      wire.close()
      server.close()
      rmSync(dir, { recursive: true })
    }
  })
})
