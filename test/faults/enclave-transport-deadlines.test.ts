/** What a client may take its time over. */
import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from 'chai'
import { encodeFrame } from '../../enclave/protocol/frame.ts'
import type { Handle } from '../../enclave/shell/transport.ts'
import { codeOf, echo, holds, text, useTransport } from './transport-clients.ts'

const DEADLINE_MS = 1_000
/** Well within the deadline; all of them together are not. */
const ROUND_MS = 600
const ROUNDS = 5
/** Long before the one that does read has been idle for too long. */
const CUT_TURNS_MAX = 100

/**
 * From here on deadlines come when the test lets time pass: by the machine's own clock a process that is held up for a
 * second would be told that its client was late.
 */
function stopClock(): (ms: number) => void {
  mock.timers.enable({ apis: ['setTimeout'] })
  return (ms) => mock.timers.tick(ms)
}

describe('the deadlines of the transport', function () {
  this.timeout(120_000)
  afterEach(() => mock.timers.reset())
  const { open, client } = useTransport()

  it('tells a client that ends inside a frame, and one whose frame takes too long', async () => {
    const pass = stopClock()
    const listener = await open(echo, { frameTimeoutMs: DEADLINE_MS })
    const cut = client(listener)
    cut.socket.end(encodeFrame(text('cut')).slice(0, -1))
    await cut.answered(1)
    expect(codeOf(cut.answers[0] as Uint8Array)).to.equal('FRAME_TRUNCATED')
    const slow = client(listener)
    slow.socket.write(Uint8Array.of(0))
    await holds(listener, 1)
    pass(DEADLINE_MS)
    await slow.answered(1)
    expect(codeOf(slow.answers[0] as Uint8Array)).to.equal('FRAME_TIMEOUT')
    await slow.closed()
  })

  it('runs the deadline of a frame from its first byte, however busily it drips', async () => {
    const pass = stopClock()
    const listener = await open(echo, { frameTimeoutMs: DEADLINE_MS })
    const one = client(listener)
    one.socket.write(Uint8Array.of(0, 0, 1, 0))
    await holds(listener, 4)
    for (let drops = 1; drops <= 9; drops++) {
      pass(DEADLINE_MS / 10)
      one.socket.write(Uint8Array.of(0, 0, 0, 9))
      await holds(listener, 4 + 4 * drops)
    }
    // One that began anew with each byte would have most of itself left.
    pass(DEADLINE_MS / 10)
    await one.answered(1)
    expect(codeOf(one.answers[0] as Uint8Array)).to.equal('FRAME_TIMEOUT')
  })

  it('gives each frame its own deadline, and no frame a longer one', async () => {
    const pass = stopClock()
    const listener = await open(echo, { frameTimeoutMs: DEADLINE_MS })
    const one = client(listener)
    const frame = encodeFrame(text('ab'))
    one.socket.write(frame.slice(0, 3))
    await holds(listener, 3)
    for (let round = 1; round <= ROUNDS; round++) {
      pass(ROUND_MS)
      // The end of one frame and the beginning of the next: the client is always inside some frame.
      one.socket.write(Buffer.concat([frame.slice(3), frame.slice(0, 3)]))
      expect(await one.answered(round)).to.deep.equal(Array(round).fill('ab'))
    }
    pass(DEADLINE_MS)
    await one.answered(ROUNDS + 1)
    expect(codeOf(one.answers[ROUNDS] as Uint8Array)).to.equal('FRAME_TIMEOUT')
  })

  it('ends a connection that stays idle, and keeps one that asks now and then', async () => {
    const pass = stopClock()
    const listener = await open(echo, { idleTimeoutMs: DEADLINE_MS })
    const [silent, active] = [client(listener), client(listener)]
    await Promise.all([silent.send('x').answered(1), active.send('x').answered(1)])
    for (let round = 2; round <= ROUNDS; round++) {
      pass(ROUND_MS)
      expect(await active.send('x').answered(round)).to.have.length(round)
    }
    await silent.closed()
    expect([silent.ended, active.ended]).to.deep.equal([true, false])
    pass(DEADLINE_MS)
    await active.closed()
  })

  it('cuts a client that does not read its answers, and serves the others meanwhile', async () => {
    const pass = stopClock()
    const large = new Uint8Array(1_000_000)
    let handled = 0
    const handle: Handle = async () => {
      handled += 1
      return large
    }
    const listener = await open(handle, { writeTimeoutMs: DEADLINE_MS })
    const deaf = client(listener)
    deaf.socket.pause()
    deaf.send(...Array.from({ length: 50 }, () => 'more'))
    // What the kernel does not take stays here: of one answer, for no second one is begun.
    await holds(listener, large.length / 2)
    expect(listener.bufferedBytes()).to.be.lessThan(2 * large.length)
    await client(listener).send('x').answered(1)
    expect(listener.connectionCount()).to.equal(2)
    // A kernel that takes a little more begins another answer, and its deadline.
    for (let turns = 0; listener.connectionCount() > 1 && turns < CUT_TURNS_MAX; turns++) {
      pass(DEADLINE_MS)
      await nextTurn()
    }
    expect(listener.connectionCount()).to.equal(1)
    expect(handled).to.be.lessThan(50)
  })
})
