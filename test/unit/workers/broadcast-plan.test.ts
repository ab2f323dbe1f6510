import { expect } from 'chai'
import { wei } from '../../../enclave/protocol/money.ts'
import {
  type BroadcastDecision,
  type BroadcastFacts,
  NONCE_HIGH_MAX,
  planBroadcast,
} from '../../../workers/3-broadcast/plan.ts'

type Live = NonNullable<BroadcastFacts['live']>
const live: Live = {
  accountNonce: 4,
  maxFeeWei: wei(20n),
  readyAtMs: 100_000,
  sentAtMs: 0,
  verdict: undefined,
  nonceHighCount: 0,
}
const facts: BroadcastFacts = {
  stopped: false,
  frozen: false,
  live,
  landed: false,
  accountNonce: 4,
  baseFeeWei: wei(10n),
  gasPriceWeiMax: wei(100n),
  nowMs: 101_000,
  resendMs: 2_000,
  bumpMs: 30_000,
}

describe('plan of broadcast', () => {
  it('sends bytes that this process has not sent', () => {
    expect(planBroadcast(facts)).to.deep.equal({ kind: 'send' })
  })

  const table: readonly (readonly [string, Partial<BroadcastFacts>, Partial<Live>, BroadcastDecision])[] = [
    ['sends nothing while an operator holds it', { stopped: true }, {}, { kind: 'wait', why: 'stopped' }],
    [
      'sends nothing once the head is there, whatever else holds',
      { landed: true, accountNonce: 9 },
      {},
      { kind: 'wait', why: 'landed' },
    ],
    ['sends nothing to a frozen anchor', { frozen: true }, {}, { kind: 'wait', why: 'frozen' }],
    [
      'does not send the same bytes twice within the resend time',
      {},
      { sentAtMs: 100_000, verdict: 'sent' },
      { kind: 'wait', why: 'sent' },
    ],
    [
      'sends the same bytes again after it',
      { nowMs: 102_000 },
      { sentAtMs: 100_000, verdict: 'sent' },
      { kind: 'send' },
    ],
    [
      'takes an unknown outcome for sent, and sends the same bytes again',
      { nowMs: 102_000 },
      { sentAtMs: 100_000, verdict: 'unknown' },
      { kind: 'send' },
    ],
    ['signs again when the account has used the nonce', { accountNonce: 5 }, {}, { kind: 'resign', why: 'nonce' }],
    [
      'sends the same bytes to an endpoint that lags',
      { nowMs: 103_000 },
      { sentAtMs: 100_000, verdict: 'nonce-high', nonceHighCount: NONCE_HIGH_MAX - 1 },
      { kind: 'send' },
    ],
    [
      'signs again when the nonce stays too high',
      {},
      { nonceHighCount: NONCE_HIGH_MAX },
      { kind: 'resign', why: 'nonce' },
    ],
    ['raises a fee that the base fee has passed', { baseFeeWei: wei(21n) }, {}, { kind: 'resign', why: 'fee' }],
    [
      'raises a fee that the endpoint refused',
      {},
      { verdict: 'fee-low', sentAtMs: 100_999 },
      { kind: 'resign', why: 'fee' },
    ],
    [
      'never raises a fee beyond policy: the same bytes wait for a lower base fee',
      { baseFeeWei: wei(101n) },
      { maxFeeWei: wei(100n) },
      { kind: 'send' },
    ],
    [
      'raises the fee of a commit that is old',
      { nowMs: 130_000 },
      { sentAtMs: 100_000, verdict: 'sent' },
      { kind: 'resign', why: 'age' },
    ],
    [
      'takes an empty float for no reason to sign',
      { nowMs: 102_000 },
      { sentAtMs: 100_000, verdict: 'float-low' },
      { kind: 'send' },
    ],
  ]
  for (const [title, change, liveChange, decision] of table) {
    it(title, () =>
      expect(planBroadcast({ ...facts, live: { ...live, ...liveChange }, ...change })).to.deep.equal(decision),
    )
  }

  it('has nothing to do without an attempt that may go out', () => {
    expect(planBroadcast({ ...facts, live: undefined })).to.deep.equal({ kind: 'wait', why: 'nothing' })
  })
})
