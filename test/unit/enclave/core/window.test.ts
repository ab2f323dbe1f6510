import { expect } from 'chai'
import fc from 'fast-check'
import { roomWei, spend, spentWei, type Window } from '../../../../enclave/core/window.ts'
import { wei } from '../../../../enclave/protocol/money.ts'

const DAY = 86_400
const payments = fc.array(fc.record({ wait: fc.nat(20_000), amount: fc.bigInt(0n, 10n ** 18n) }), { maxLength: 300 })

describe('a rolling window', () => {
  it('never counts less than what truly lies within it, and keeps few parts', () => {
    fc.assert(
      fc.property(payments, (made) => {
        const window: Window = []
        const truth: { at: number; amount: bigint }[] = []
        let at = 1_000_000
        for (const { wait, amount } of made) {
          at += wait
          spend(window, at, DAY, wei(amount))
          truth.push({ at, amount })
          const exact = truth.filter((paid) => paid.at + DAY > at).reduce((sum, paid) => sum + paid.amount, 0n)
          expect(spentWei(window, at, DAY) >= exact).to.equal(true)
          expect(window.length).to.be.at.most(66)
        }
      }),
    )
  })

  it('counts nothing once its whole width has passed', () => {
    const window: Window = []
    spend(window, 1_000, DAY, wei(5n))
    expect(spentWei(window, 1_000 + DAY - 1, DAY)).to.equal(5n)
    expect(spentWei(window, 1_000 + DAY, DAY)).to.equal(0n)
  })

  it('keeps amounts apart that lie further apart than a part is wide', () => {
    const window: Window = []
    spend(window, 0, DAY, wei(1n))
    spend(window, DAY / 64 - 1, DAY, wei(2n))
    spend(window, DAY / 64, DAY, wei(4n))
    expect(window.map((part) => part.wei)).to.deep.equal([3n, 4n])
  })

  it('has no room below zero when the cap was lowered', () => {
    const window: Window = []
    spend(window, 0, DAY, wei(10n))
    expect(roomWei(window, 1, DAY, wei(4n))).to.equal(0n)
    expect(roomWei(window, 1, DAY, wei(14n))).to.equal(4n)
  })
})
