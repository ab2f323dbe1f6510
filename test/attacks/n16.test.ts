import { strict as assert } from 'node:assert'
import { filled, newTestAttester } from '../builders/attestation.ts'
import { imageOf, judge, liveFor } from '../builders/expectations.ts'

const [OUR_ROLE, OUR_SIGNER, OUR_CONFIGURATION] = [filled(0x33), filled(0x38), filled(0x16)]

describe('N16: our image in a stranger’s account', () => {
  const attester = newTestAttester()
  const pinned = { ...imageOf(attester), pcr3: OUR_ROLE, pcr8: OUR_SIGNER, pcr16: OUR_CONFIGURATION }
  const ours = [
    [3, OUR_ROLE],
    [8, OUR_SIGNER],
    [16, OUR_CONFIGURATION],
  ] as const

  it('is refused where role, signer and configuration are pinned', () => {
    const expectation = liveFor(attester, { measurements: [pinned] })
    assert.equal(judge(attester, attester.document({ pcrs: new Map(ours) }), expectation), 'accepted')
    for (const [index, value] of ours) {
      const foreign = new Map<number, Uint8Array>(ours).set(index, value.with(47, 0))
      assert.equal(judge(attester, attester.document({ pcrs: foreign }), expectation), 'ATTESTATION_MEASUREMENT')
    }
  })

  it('is refused where the register is pinned and absent', () => {
    const expectation = liveFor(attester, { measurements: [pinned] })
    const absent = new Map<number, Uint8Array>(ours.slice(0, 2))
    assert.equal(judge(attester, attester.document({ pcrs: absent }), expectation), 'ATTESTATION_MEASUREMENT')
  })

  it('cannot borrow the name of an instance: PCR4 holds it', () => {
    const lent = attester.document({ pcrs: new Map([[4, filled(4)]]) })
    assert.equal(judge(attester, attester.document(), liveFor(attester, { checkInstance: true })), 'accepted')
    assert.equal(judge(attester, lent, liveFor(attester)), 'accepted', 'where nobody asks')
    assert.equal(judge(attester, lent, liveFor(attester, { checkInstance: true })), 'ATTESTATION_MEASUREMENT')
  })
})
