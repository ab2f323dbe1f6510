import { expect } from 'chai'
import type { Entry } from '../../../../enclave/protocol/entry.ts'
import { PROTOCOL_VERSION } from '../../../../enclave/protocol/header.ts'
import { figuresOfLog } from '../../../../scripts/start/log-figures.ts'

const HASH = `0x${'11'.repeat(32)}`
let at = 0

function entry(type: string, body: object): Entry {
  return { v: PROTOCOL_VERSION, i: at++, at: 0, type, body } as unknown as Entry
}

const register = (account: number, id: string) => entry('register', { source: 'roster', account, id, recipient: HASH })
const credit = (account: number, id: string, wei: bigint) =>
  entry('credit', { source: 'journal', account, id, wei, line: 0, hash: HASH, amount: '1', reason: '' })
const adjust = (account: number, delta: bigint) =>
  entry('adjust', { source: 'journal', account, id: '', delta, line: 0, hash: HASH, amount: '-1', reason: '' })
const refusal = (code: string) => entry('refuse', { source: 'journal', line: 0, hash: HASH, bytes: 1, code })
const reserve = (...payouts: (readonly [number, bigint])[]) =>
  entry('reserve', { sequence: 1, payouts: payouts.map(([account, wei], i) => ({ payoutId: i + 1, account, wei })) })
const settle = (bitmap: string | null) => entry('settle', { sequence: 1, bitmap, head: HASH })

describe('figures of the log', () => {
  it('adds credits, takes adjustments back, and counts refusals by code', () => {
    const figures = figuresOfLog([
      register(1, 'a'),
      credit(1, 'a', 10n),
      credit(2, 'b', 5n),
      adjust(1, -3n),
      refusal('OVERDRAW'),
      refusal('LINE_FIELD'),
      refusal('LINE_FIELD'),
    ])
    expect(figures).to.include({ lines: 6, credits: 2, adjustments: 1, negativeAdjustments: 1, creditedWei: 12n })
    expect(figures.refused).to.deep.equal([
      ['LINE_FIELD', 2],
      ['OVERDRAW', 1],
    ])
    expect(figures.withoutRecipient).to.deep.equal(['b'])
  })

  it('pays what its bit says and returns the rest', () => {
    const figures = figuresOfLog([register(1, 'a'), register(2, 'b'), reserve([1, 7n], [2, 9n]), settle('0x1')])
    expect(figures).to.include({
      paidWei: 7n,
      payoutsPaid: 1,
      payoutsReturned: 1,
      payingCommits: 1,
      orchestratorsPaid: 1,
    })
    expect(figures.returnedIds).to.deep.equal(['b'])
  })

  it('pays nothing for a void, and counts a bare commit apart', () => {
    const figures = figuresOfLog([reserve([1, 7n]), entry('void', { sequence: 1, head: HASH }), settle(null)])
    expect(figures).to.include({ paidWei: 0n, voided: 1, bareCommits: 1, payingCommits: 0 })
  })
})
