import { strict as assert } from 'node:assert'
import { encodeFrame } from '../../enclave/protocol/frame.ts'
import type { Boot } from './boot.ts'
import { answerTo, frameOf, memoryBytes, rawSocket } from './raw.ts'
import { useStage } from './use-stage.ts'

const TIMES = 1_000
const GROWTH_BYTES_MAX = 96 * 1_024 * 1_024
const NESTED = 10_000
const SILENT = 200
/** An array of one item, an array that announces four billion items, and the end of the input. */
const ONE_ARRAY = 0x81
const ARRAY_BOMB = Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff)
const FOUR_GIGABYTES = Uint8Array.of(0xff, 0xff, 0xff, 0xff, ...new Uint8Array(64))

describe('S7: a client that means harm', () => {
  const stage = useStage()

  /** Does it a thousand times, then asks as an honest client. */
  async function thousandTimes(attempt: (boot: Boot) => Promise<void>): Promise<void> {
    const boot = await stage().active()
    await attempt(boot)
    const before = memoryBytes(boot.process.pid)
    for (let time = 1; time < TIMES; time++) await attempt(boot)
    assert(memoryBytes(boot.process.pid) - before < GROWTH_BYTES_MAX, 'memory stays bounded')
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    await stage().audits(boot)
  }

  function answers(bytes: Uint8Array, code: string) {
    return thousandTimes(async ({ endpoint }) => assert.equal(await answerTo(endpoint, bytes), code))
  }

  it('is refused a frame of four gigabytes when its length has arrived', async () => {
    await answers(FOUR_GIGABYTES, 'FRAME_TOO_LARGE')
  })

  it('is refused an array that announces four billion items', async () => {
    await answers(frameOf('status', ARRAY_BOMB), 'CBOR_SYNTAX')
  })

  it('is refused ten thousand arrays inside each other', async () => {
    await answers(frameOf('status', new Uint8Array(NESTED).fill(ONE_ARRAY)), 'CBOR_SYNTAX')
  })

  it('costs nothing by leaving in the middle of a frame', async () => {
    await thousandTimes(async (boot) => {
      const socket = await rawSocket(boot.endpoint)
      socket.write(encodeFrame(new Uint8Array(64)).subarray(0, 40))
      socket.destroy()
      await boot.call('status', {})
    })
  })

  it('keeps nobody out by saying nothing on every connection there is', async () => {
    const boot = await stage().active()
    const silent = await Promise.all(Array.from({ length: SILENT }, () => rawSocket(boot.endpoint)))
    const { phase } = await boot.call('status', {})
    for (const socket of silent) socket.destroy()
    assert.equal(phase, 'active')
  })
})
