import { expect } from 'chai'
import {
  BATCH_LINES_MAX,
  BATCH_LINES_MIN,
  type IngestFacts,
  nextBatchLines,
  planIngest,
} from '../../../workers/1-ingest/plan.ts'

const honest: IngestFacts = {
  phase: 'active',
  stopped: false,
  credits: 'host-trusted',
  journalSize: 7,
  journalHead: '0xaa',
  file: { kind: 'at', head: '0xaa' },
}

describe('plan of ingest', () => {
  it('reads on when the file leads to the very head that the ledger has', () => {
    expect(planIngest(honest)).to.deep.equal({ kind: 'read' })
  })

  const table: readonly (readonly [string, Partial<IngestFacts>, unknown])[] = [
    ['waits in every phase but active', { phase: 'recovering' }, { kind: 'wait', why: 'phase' }],
    [
      'stands still under a flag, even for a fork',
      { stopped: true, file: { kind: 'short', lines: 0 } },
      { kind: 'wait', why: 'stopped' },
    ],
    [
      'names a shorter file a fork, at its end',
      { file: { kind: 'short', lines: 3 } },
      { kind: 'fork', line: 3, why: 'truncated' },
    ],
    [
      'leaves the journal of a signed ledger alone, whatever the file holds',
      { credits: 'signed', file: { kind: 'short', lines: 0 } },
      { kind: 'wait', why: 'route' },
    ],
    ['names another head a fork', { file: { kind: 'at', head: '0xab' } }, { kind: 'fork', line: 7, why: 'rewritten' }],
    [
      'sees no fork while the enclave cannot say where it stands',
      { phase: 'halted', file: { kind: 'short', lines: 0 } },
      { kind: 'wait', why: 'phase' },
    ],
  ]
  for (const [title, change, decision] of table) {
    it(title, () => expect(planIngest({ ...honest, ...change })).to.deep.equal(decision))
  }

  it('halves a batch that took too long, doubles one that was too quick, within its limits', () => {
    expect(nextBatchLines(800, 101)).to.equal(400)
    expect(nextBatchLines(800, 19)).to.equal(1_600)
    expect(nextBatchLines(800, 60)).to.equal(800)
    expect(nextBatchLines(BATCH_LINES_MIN, 1_000)).to.equal(BATCH_LINES_MIN)
    expect(nextBatchLines(BATCH_LINES_MAX, 0)).to.equal(BATCH_LINES_MAX)
  })
})
