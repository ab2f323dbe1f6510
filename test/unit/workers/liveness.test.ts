import { expect } from 'chai'
import { longestSilence } from '../../../workers/liveness.ts'

describe('liveness of a worker process', () => {
  it('names the stage that was heard the longest ago, whatever the others do', () => {
    const lastMs = new Map([
      ['ingest', 900],
      ['prepare', 100],
      ['confirm', 1_000],
    ])
    expect(longestSilence(lastMs, 1_000)).to.deep.equal({ name: 'prepare', silentMs: 900 })
  })

  it('has nothing to say about a process without stages', () => {
    expect(longestSilence(new Map(), 1_000)).to.equal(undefined)
  })
})
