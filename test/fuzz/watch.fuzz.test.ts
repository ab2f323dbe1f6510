/** The watcher itself: each kind of misbehaviour, and whether it is named with the input that brought it on. */
import { expect } from 'chai'
import { parseWei } from '../../enclave/protocol/money.ts'
import { Coverage } from './engine/coverage.ts'
import type { Report } from './engine/lane.ts'
import { openWatched } from './engine/watch.ts'

/** Long enough for memory to fill on a machine that has other things to do. */
const LIMITS = { inputMsMax: 20_000, heapMegabytesMax: 48, growthMegabytesMax: 128 }
const IMPATIENT = { ...LIMITS, inputMsMax: 1_500 }

describe('a watched thread', function () {
  this.timeout(120_000)
  const watched = openWatched(LIMITS)
  const impatient = openWatched(IMPATIENT)
  after(async () => {
    await watched.close()
    await impatient.close()
  })

  function play(target: string): Promise<Report> {
    const watcher = target === 'sample-hang' || target === 'sample-wait' ? impatient : watched
    return watcher.play({ target, seed: 1, inputs: 0, seconds: 60, explore: false, distil: false })
  }

  const NAMED = [
    ['sample-hang', 'names the input that keeps the processor for ever', /^a hang/],
    ['sample-wait', 'names the input whose reading is never done', /^a hang/],
    ['sample-hoard', 'names the input that fills the heap', /^the thread died: .*memory/],
    ['sample-swell', 'names the input that fills the memory with buffers', /^grew by more than 128 MiB/],
    ['sample-throw', 'names the input at which something was thrown without a code', /^TypeError: nobody looked/],
    ['sample-reject', 'names the input that left a rejection to nobody', /^the thread died: TypeError: nobody waited/],
  ] as const
  for (const [target, title, what] of NAMED) {
    it(title, async () => {
      const { failure } = await play(target)
      expect(failure?.what).to.match(what)
      expect([...(failure?.input ?? [])]).to.deep.equal([7, 1, 2])
    })
  }
})

describe('coverage', () => {
  it('calls a block new once: when the first input reaches it', () => {
    const coverage = new Coverage()
    coverage.start()
    const reached = (text: string) => {
      coverage.take()
      try {
        parseWei(text)
      } catch {
        // Which way it goes is what is looked at.
      }
      return coverage.take()
    }
    expect(coverage.add(reached('1'))).to.equal(true)
    expect(coverage.isNew(reached('22'))).to.equal(false)
    expect(coverage.add(reached('x'))).to.equal(true)
    expect(coverage.isNew(reached('y'))).to.equal(false)
    coverage.stop()
  })
})
