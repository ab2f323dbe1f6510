import { expect } from 'chai'
import { tableOf, unseen } from '../../../../scripts/simulate/table.ts'

const SEEN = {
  played: 150,
  figures: { 'fault killed': 3, 'known killed': 2, 'reverted commit AnchorFrozen': 7, snapshot: 1 },
  expected: { 'fault killed': 150, 'fault clone': 150, 'landed redeem': 5_000 },
}

describe('table of a run of the simulator', () => {
  it('names what should have been seen in so many seeds, and nothing that so few need not show', () => {
    expect(unseen(SEEN)).to.deep.equal(['fault clone'])
    expect(unseen({ ...SEEN, played: 149 })).to.deep.equal([])
    expect(unseen({ ...SEEN, played: 5_000 })).to.deep.equal(['fault clone', 'landed redeem'])
    expect(tableOf(SEEN).at(-1)).to.equal('NEVER SEEN in 150 seeds: fault clone')
  })

  it('shows worlds and blows of each fault in one row, one that never struck too', () => {
    const rows = tableOf(SEEN).map((line) => line.trim().split(/ +/).join(' '))
    expect(rows.slice(0, 3)).to.deep.equal(['fault worlds struck', 'clone 0 0', 'killed 2 3'])
  })

  it('leaves no figure out', () => {
    const text = tableOf(SEEN).join('\n')
    for (const name of ['reverted commit AnchorFrozen', 'snapshot']) expect(text).to.include(name)
  })
})
