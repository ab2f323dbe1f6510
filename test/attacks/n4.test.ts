import { strict as assert } from 'node:assert'
import { DOCUMENT_AT_MS, newTestAttester } from '../builders/attestation.ts'
import { AGE_MS_MAX, judge, liveFor, SKEW_MS_MAX } from '../builders/expectations.ts'

const HOUR_MS = 3_600_000

describe('N4: a document that is dated ahead', () => {
  const attester = newTestAttester()
  const nowMs = DOCUMENT_AT_MS

  function verdictAt(timestampMs: number): string {
    return judge(attester, attester.document({ timestampMs }), liveFor(attester, { nowMs }))
  }

  it('is refused, however far ahead: it would be fresh for as long', () => {
    assert.equal(verdictAt(nowMs), 'accepted')
    for (const aheadMs of [SKEW_MS_MAX + 1, HOUR_MS, 365 * 24 * HOUR_MS])
      assert.equal(verdictAt(nowMs + aheadMs), 'ATTESTATION_FUTURE')
    assert.equal(verdictAt(Number.MAX_SAFE_INTEGER), 'ATTESTATION_FUTURE')
  })

  it('and one that is too old have their bounds to the millisecond', () => {
    assert.equal(verdictAt(nowMs + SKEW_MS_MAX), 'accepted')
    assert.equal(verdictAt(nowMs - AGE_MS_MAX), 'accepted')
    assert.equal(verdictAt(nowMs - AGE_MS_MAX - 1), 'ATTESTATION_STALE')
  })

  it('cannot be let in by a bound that is no number', () => {
    const ahead = attester.document({ timestampMs: nowMs + HOUR_MS })
    for (const bound of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5])
      for (const name of ['nowMs', 'maxAgeMs', 'maxSkewMs'])
        assert.equal(judge(attester, ahead, liveFor(attester, { nowMs, [name]: bound })), 'ATTESTATION_EXPECTATION')
  })
})
