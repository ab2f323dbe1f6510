import { assert } from 'chai'
import type { Call, ChainFacts, Notice, Settled } from '../../../auditor/chain-facts.ts'
import { newFindings } from '../../../auditor/naive/finding.ts'
import { judgePayments } from '../../../auditor/payments.ts'
import type { Payout } from '../../../enclave/protocol/entry.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import { AUTHORITY, addressOf, hashOf } from './log-builder.ts'

const TRANSACTION = hashOf(1)
const PAYOUTS: readonly Payout[] = [1, 2, 3].map((at) => ({
  payoutId: at,
  account: at,
  recipient: addressOf(at),
  wei: BigInt(at) as Wei,
  kind: 'transfer',
}))
const CALL: Call = {
  payouts: {
    round: null,
    firstPayoutId: 1,
    tickets: [],
    transfers: PAYOUTS.map(({ recipient, wei }) => ({ recipient, amountWei: wei })),
  },
  skip: 0n,
}

/** What is said of three transfers that were settled with this bitmap. */
function judged(bitmap: bigint, call: Call | undefined): string[] {
  const event: Settled = {
    kind: 'settled',
    block: 5,
    logIndex: 1,
    transaction: TRANSACTION,
    sequence: 4,
    bitmap,
    head: hashOf(2),
  }
  const calls = new Map(call === undefined ? [] : [[TRANSACTION, call]])
  const facts = { calls, brokerEvents: [] } as unknown as ChainFacts
  const findings = newFindings()
  const notices: Notice[] = []
  judgePayments({ findings, notices, facts }, [{ event, payouts: PAYOUTS, authority: AUTHORITY }])
  return [...findings.list, ...notices].map(({ code, subject }) => `${code} ${subject}`)
}

describe('auditor: transfers', () => {
  it('says nothing when all were paid', () => {
    assert.deepEqual(judged(7n, CALL), [])
  })

  it('lists one that failed and one that was skipped', () => {
    assert.deepEqual(judged(5n, CALL), ['PAYOUT_FAILED sequence 4 payout 2'])
    assert.deepEqual(judged(5n, { ...CALL, skip: 2n }), ['PAYOUT_SKIPPED sequence 4 payout 2'])
  })

  it('names one that was skipped and paid all the same', () => {
    assert.deepEqual(judged(7n, { ...CALL, skip: 2n }), ['CALL_SKIP sequence 4 payout 2'])
  })

  it('names another amount, and a transfer too few', () => {
    const [first, second, third] = CALL.payouts.transfers
    const call = (transfers: unknown[]): Call => ({
      ...CALL,
      payouts: { ...CALL.payouts, transfers: transfers as Call['payouts']['transfers'] },
    })
    assert.deepEqual(judged(7n, call([first, { ...second, amountWei: 9n }, third])), [
      'CALL_PAYOUTS sequence 4 payout 2',
    ])
    assert.deepEqual(judged(7n, call([first, second])), ['CALL_PAYOUTS sequence 4', 'CALL_PAYOUTS sequence 4 payout 3'])
  })

  it('lists a call that came another way', () => {
    assert.deepEqual(judged(7n, undefined), ['CALL_INDIRECT sequence 4'])
  })
})
