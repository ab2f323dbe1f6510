import { expect } from 'chai'
import { foldHead } from '../../../enclave/protocol/header.ts'
import type { Hash } from '../../../enclave/protocol/ids.ts'
import { type ConfirmFacts, planConfirm, planFinality } from '../../../workers/4-confirm/plan.ts'

const hash = (digit: string) => `0x${digit.repeat(64)}` as Hash
const [prev, next, foreign] = [hash('1'), hash('2'), hash('f')]
const bitmap = `0x${'0'.repeat(63)}3` as Hash
const unlanded: ConfirmFacts = {
  ledger: {
    epoch: 2,
    head: prev,
    sequence: 6,
    session: '0xs',
    unlanded: { sequence: 7, headerHash: next, payouts: 2 },
  },
  anchor: { blockNumber: 100, head: prev, sequence: 6, epoch: 2, session: '0xs' },
  landing: undefined,
  settleDepthBlocks: 5,
}
const landed: ConfirmFacts = {
  ...unlanded,
  anchor: { ...unlanded.anchor, sequence: 7, head: foldHead(next, 3n) },
  landing: { next, blockNumber: 95, bitmap },
}
const quiet: ConfirmFacts = { ...unlanded, ledger: { ...unlanded.ledger, unlanded: null } }

describe('plan of confirm', () => {
  it('waits while the head is the one before', () => {
    expect(planConfirm(unlanded)).to.deep.equal({ kind: 'wait', why: 'unlanded' })
  })

  it('settles with the bitmap of the event at the settle depth, and not a block before', () => {
    expect(planConfirm(landed)).to.deep.equal({ kind: 'settle', sequence: 7, bitmap })
    const early = { ...landed, anchor: { ...landed.anchor, blockNumber: 99 } }
    expect(planConfirm(early)).to.deep.equal({ kind: 'wait', why: 'depth' })
  })

  it('settles a bare commit with no bits', () => {
    const bare = {
      ...landed,
      anchor: { ...landed.anchor, head: next },
      landing: { next, blockNumber: 95, bitmap: null },
    }
    expect(planConfirm(bare)).to.deep.equal({ kind: 'settle', sequence: 7, bitmap: null })
  })

  it('waits for the event when it does not explain the head', () => {
    expect(planConfirm({ ...landed, landing: undefined })).to.deep.equal({ kind: 'wait', why: 'event' })
    const other = { ...landed, landing: { next, blockNumber: 95, bitmap: `0x${'0'.repeat(63)}1` as Hash } }
    expect(planConfirm(other)).to.deep.equal({ kind: 'wait', why: 'event' })
  })

  it('finds nothing to do when both hold one head', () => {
    expect(planConfirm(quiet)).to.deep.equal({ kind: 'wait', why: 'quiet' })
  })

  const strangers: readonly (readonly [string, ConfirmFacts])[] = [
    ['another epoch', { ...unlanded, anchor: { ...unlanded.anchor, epoch: 3 } }],
    ['another session in our epoch', { ...unlanded, anchor: { ...unlanded.anchor, session: '0xt' } }],
    ['another head under our unlanded commit', { ...unlanded, anchor: { ...unlanded.anchor, head: foreign } }],
    ['another header at our sequence', { ...landed, landing: { next: foreign, blockNumber: 95, bitmap } }],
    ['another head at rest', { ...quiet, anchor: { ...quiet.anchor, head: foreign } }],
    ['a commit that we did not make', { ...quiet, anchor: { ...quiet.anchor, sequence: 7, head: foreign } }],
  ]
  for (const [title, facts] of strangers) {
    it(`calls it foreign: ${title}`, () => expect(planConfirm(facts)).to.have.property('kind', 'foreign'))
  }

  it('sends old bytes again, and halts nothing, when the chain is behind', () => {
    const behind = [
      { ...unlanded, anchor: { ...unlanded.anchor, sequence: 5, head: foreign } },
      { ...quiet, anchor: { ...quiet.anchor, sequence: 5, head: foreign } },
      { ...quiet, anchor: { ...quiet.anchor, epoch: 1, session: '0xr' } },
    ]
    for (const facts of behind) expect(planConfirm(facts)).to.deep.equal({ kind: 'behind' })
  })

  it('calls a commit final only when its receipt is in the same block below the final one', () => {
    const place = { blockNumber: 10, blockHash: next }
    const receipt = { blockHash: next, succeeded: true }
    expect(planFinality(place, 10, receipt)).to.equal('final')
    expect(planFinality(place, 9, receipt)).to.equal('wait')
    expect(planFinality(place, 10, { ...receipt, blockHash: prev })).to.equal('moved')
    expect(planFinality(place, 10, { ...receipt, succeeded: false })).to.equal('moved')
    expect(planFinality(place, 10, undefined)).to.equal('moved')
  })
})
