import { strict as assert } from 'node:assert'
import { chainOf } from '../../enclave/development/chain.ts'
import { DOCUMENT_AT_MS, newTestAttester } from '../builders/attestation.ts'
import { LEVEL_NAMES } from '../builders/attestation-chains.ts'
import { judge, liveFor } from '../builders/expectations.ts'

const MINUTE_MS = 60_000
const ENDS_AT_MS = DOCUMENT_AT_MS + 60 * MINUTE_MS
const LONG_AFTER_MS = DOCUMENT_AT_MS + 10 * 24 * 60 * MINUTE_MS

// No chain is kept between two documents, so there is no cache whose dates could be forgotten: five signatures cost a few
// milliseconds, and a cache would be the one place where an ended certificate lives on.
describe('N9: a chain that was good an hour ago', () => {
  const attester = newTestAttester()

  for (const [level, name] of LEVEL_NAMES.entries()) {
    it(`is refused once its ${name} has ended, by a verifier that accepted it before`, () => {
      const document = attester.document({
        chain: ({ root, levels }) =>
          chainOf(
            root,
            levels.map(({ plan, privateKey }, at) => ({
              plan: { ...plan, notAfterMs: at === level ? ENDS_AT_MS : LONG_AFTER_MS },
              privateKey,
            })),
          ),
      })
      const at = (nowMs: number) =>
        judge(attester, document, liveFor(attester, { nowMs, maxAgeMs: 2 * 60 * MINUTE_MS }))
      assert.equal(at(DOCUMENT_AT_MS), 'accepted')
      assert.equal(at(ENDS_AT_MS), 'accepted')
      assert.equal(at(ENDS_AT_MS + 1), 'ATTESTATION_EXPIRED')
      assert.equal(at(DOCUMENT_AT_MS), 'accepted')
    })
  }
})
