import { expect } from 'chai'
import { planRelease } from '../../../../scripts/start/release.ts'

describe('release of the shipped journal', () => {
  it('ends with every line, whatever the number of steps', () => {
    for (const [lines, steps] of [
      [20_000, 24],
      [20_001, 24],
      [5, 24],
      [1, 1],
    ] as const) {
      expect(planRelease(lines, steps).at(-1), `${lines} in ${steps}`).to.equal(lines)
    }
  })

  it('never releases a line twice and never waits for a step without lines', () => {
    const counts = planRelease(7, 24)
    expect(counts.every((count, at) => count > (counts[at - 1] ?? 0))).to.equal(true)
  })

  it('has enough steps for twenty paying commits', () => {
    expect(planRelease(20_000, 24)).to.have.length.above(20)
  })
})
