/** Builds with a planted bug: the simulator that catches none of them proves nothing. */
import { expect } from 'chai'
import { PROPERTIES } from '../violation.ts'
import { CANARIES } from './canaries.ts'
import { runCanary, staleCuts } from './runner.ts'

/** The quickest ones; `npm run simulate -- --canaries` runs all. */
const NAMES = ['no-fold', 'no-load-rule', 'counted-vector', 'skip-is-paid', 'paid-to-the-first', 'wei-more']
const FIRST_SEED = 1
const TIMEOUT_MS = 120_000

describe('a build with a planted bug', () => {
  for (const canary of CANARIES.filter(({ name }) => NAMES.includes(name))) {
    it(`is caught within ${canary.seedsMax} seeds where ${canary.bug}`, function (this: Mocha.Context) {
      this.timeout(TIMEOUT_MS)
      expect(runCanary(canary, FIRST_SEED)?.property).to.equal(canary.caughtBy)
    })
  }

  it('is there for each of the checkers, so that none of them can fall asleep', () => {
    const caught = new Set(CANARIES.map(({ caughtBy }) => caughtBy))
    expect(PROPERTIES.filter((property) => !caught.has(property))).to.deep.equal([])
  })

  it('has a cut that fits the sources, in every one of the canaries', () => {
    for (const canary of CANARIES) expect(staleCuts(canary), canary.name).to.deep.equal([])
  })
})
