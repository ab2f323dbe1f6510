import { assert } from 'chai'
import fc from 'fast-check'
import { addTo, newWindow, withinWei } from '../../../auditor/naive/window.ts'
import { type Window as Merged, spend, spentWei } from '../../../enclave/core/window.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'

const SECONDS = 100

describe('auditor: rolling windows', () => {
  it('counts an amount until its whole width has passed, and not a second longer', () => {
    const window = newWindow()
    addTo(window, 1_000, SECONDS, 5n)
    assert.equal(withinWei(window, 1_000, SECONDS), 5n)
    assert.equal(withinWei(window, 1_099, SECONDS), 5n)
    assert.equal(withinWei(window, 1_100, SECONDS), 0n)
  })

  it('counts the youngest amounts alone when it becomes narrower, and nothing again when it becomes wider', () => {
    const window = newWindow()
    addTo(window, 1_000, SECONDS, 1n)
    addTo(window, 1_050, SECONDS, 2n)
    assert.equal(withinWei(window, 1_060, 20), 2n)
    assert.equal(withinWei(window, 1_060, SECONDS), 3n)
    addTo(window, 1_060, 20, 4n)
    assert.equal(withinWei(window, 1_060, SECONDS), 6n)
  })

  it('is the sum by definition, and never more than the enclave counts', () => {
    const steps = fc.array(fc.record({ wait: fc.nat(60), wei: fc.bigInt(1n, 1_000n) }), { maxLength: 60 })
    fc.assert(
      fc.property(steps, fc.nat(200), (list, laterSeconds) => {
        const [window, merged]: [ReturnType<typeof newWindow>, Merged] = [newWindow(), []]
        const all: { at: number; wei: bigint }[] = []
        let at = 0
        for (const { wait, wei } of list) {
          at += wait
          addTo(window, at, SECONDS, wei)
          spend(merged, at, SECONDS, wei as Wei)
          all.push({ at, wei })
        }
        const now = at + laterSeconds
        const exact = all.filter((one) => one.at + SECONDS > now).reduce((sum, { wei }) => sum + wei, 0n)
        assert.equal(withinWei(window, now, SECONDS), exact)
        assert.isTrue(exact <= spentWei(merged, now, SECONDS))
      }),
    )
  })
})
