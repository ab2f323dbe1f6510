/** Builds with a planted bug: the simulator that catches none of them proves nothing. */
import { expect } from 'chai'
import { CANARIES } from './canaries.ts'
import { runCanary, staleCuts } from './runner.ts'

/** The quickest ones; `npm run simulate -- --canaries` runs all. */
const NAMES = ['no-fold', 'no-load-rule', 'counted-vector', 'skip-is-paid']
const FIRST_SEED = 1
const TIMEOUT_MS = 120_000

describe('a build with a planted bug', () => {
  for (const { name, bug, seedsMax, ...rest } of CANARIES.filter((canary) => NAMES.includes(canary.name))) {
    it(`is caught within ${seedsMax} seeds where ${bug}`, function (this: Mocha.Context) {
      this.timeout(TIMEOUT_MS)
      const caught = runCanary({ name, bug, seedsMax, ...rest }, FIRST_SEED)
      expect(caught?.seeds).to.be.a('number')
    })
  }

  it('has a cut that fits the sources, in every one of the canaries', () => {
    for (const canary of CANARIES) expect(staleCuts(canary), canary.name).to.deep.equal([])
  })
})
