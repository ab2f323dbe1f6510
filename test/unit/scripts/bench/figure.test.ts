import { expect } from 'chai'
import { costFigure, gainFigure, shareFigure, showRatio, verdictOf } from '../../../../scripts/bench/figure.ts'

const said = { what: 'w', bound: 'b', note: 'n' }
const atLeast = { ...said, target: { side: 'at least', ratio: 0.5 } } as const
const atMost = { ...said, target: { side: 'at most', ratio: 2 } } as const

describe('a figure of the bench', () => {
  it('is a share of its bound for rates, and misses its target by the part that lacks', () => {
    expect(shareFigure(atLeast, 50, 100).ratio).to.equal(0.5)
    expect(verdictOf(shareFigure(atLeast, 50, 100))).to.equal('met')
    expect(verdictOf(shareFigure(atLeast, 40, 100))).to.equal('missed by 20 %')
    expect(verdictOf(shareFigure(atLeast, 49.9, 100))).to.equal('missed by 1 %')
  })

  it('is a cost over its bound for durations, and misses its target when it is dearer', () => {
    expect(costFigure(atMost, 200, 100).ratio).to.equal(2)
    expect(verdictOf(costFigure(atMost, 200, 100))).to.equal('met')
    expect(verdictOf(costFigure(atMost, 400, 100))).to.equal('missed by 50 %')
    expect(verdictOf(costFigure(atMost, 10, 100))).to.equal('met')
  })

  it('is a gain where it stands in place of something slower', () => {
    expect(gainFigure(atLeast, 2, 1_000).ratio).to.equal(500)
  })

  it('has no verdict without a target', () => {
    expect(verdictOf(costFigure(said, 200, 100))).to.equal('')
  })

  it('shows three digits, and whole numbers from a hundred on', () => {
    expect([0.4321, 1, 43.21, 100, 1_234.5].map(showRatio)).to.deep.equal(['0.432', '1.00', '43.2', '100', '1,235'])
  })
})
