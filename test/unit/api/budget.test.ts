import { expect } from 'chai'
import fc from 'fast-check'
import { Budget } from '../../../api/budget.ts'

const SPAN_MS = 1_000

describe('a budget of calls', () => {
  it('never gives more than its number in any span, wherever the span begins', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 })
    fc.assert(
      fc.property(steps, (gapsMs) => {
        const budget = new Budget(3, SPAN_MS)
        let nowMs = 0
        const takenAtMs: number[] = []
        for (const gapMs of gapsMs) {
          nowMs += gapMs
          if (budget.take(nowMs).kind === 'taken') takenAtMs.push(nowMs)
        }
        for (const from of takenAtMs)
          expect(takenAtMs.filter((atMs) => atMs >= from && atMs < from + SPAN_MS)).to.have.length.of.at.most(3)
      }),
    )
  })

  it('says after how long the next call is free, and keeps that word', () => {
    const budget = new Budget(2, SPAN_MS)
    expect(budget.take(0)).to.deep.equal({ kind: 'taken' })
    expect(budget.take(300)).to.deep.equal({ kind: 'taken' })
    expect(budget.take(400)).to.deep.equal({ kind: 'spent', waitMs: 600 })
    expect(budget.take(999)).to.deep.equal({ kind: 'spent', waitMs: 1 })
    expect(budget.take(1_000)).to.deep.equal({ kind: 'taken' })
    expect(budget.take(1_001)).to.deep.equal({ kind: 'spent', waitMs: 299 })
  })
})
