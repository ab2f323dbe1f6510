import { strict as assert } from 'node:assert'
import type { Measurement } from '../../enclave/protocol/attestation/measurements.ts'
import { encodePcrs, honestPayload, honestPcrs, newTestAttester, replace } from '../builders/attestation.ts'
import { imageOf, judge, liveFor } from '../builders/expectations.ts'

describe('N2: a verifier that was told to expect nothing', function () {
  this.timeout(60_000)
  const attester = newTestAttester()
  const honest = imageOf(attester)

  it('refuses to judge before it has seen a document', () => {
    const lists: readonly unknown[] = [
      [],
      undefined,
      null,
      {},
      [{}],
      [{ name: 'an image' }],
      [{ pcr0: honest.pcr0 }],
      [{ pcr0: honest.pcr0, pcr1: honest.pcr1 }],
      [{ ...honest, pcr1: undefined }],
      [{ ...honest, pcr2: new Uint8Array(0) }],
      [{ ...honest, pcr0: honest.pcr0.slice(1) }],
      // A register that would go unlooked at.
      [{ ...honest, pcr4: honest.pcr0 }],
      [honest, {}],
    ]
    assert.equal(judge(attester, attester.document(), liveFor(attester)), 'accepted')
    for (const list of lists) {
      const measurements = list as readonly Measurement[]
      const verdict = judge(attester, attester.document(), liveFor(attester, { measurements }))
      assert.equal(verdict, 'ATTESTATION_EXPECTATION', JSON.stringify(list))
    }
  })

  it('takes a register that the document leaves out for another one', () => {
    const without = (index: number): Uint8Array => {
      const pcrs = new Map(honestPcrs(attester.measurements, attester.moduleId))
      pcrs.delete(index)
      return attester.document({
        payload: (entries) => honestPayload(replace(entries, 'pcrs', encodePcrs(pcrs))),
      })
    }
    assert.equal(judge(attester, without(5), liveFor(attester)), 'accepted')
    for (const index of [0, 1, 2])
      assert.equal(judge(attester, without(index), liveFor(attester)), 'ATTESTATION_MEASUREMENT')
    const pinned = { ...honest, pcr3: new Uint8Array(48), pcr8: new Uint8Array(48) }
    assert.equal(judge(attester, attester.document(), liveFor(attester, { measurements: [pinned] })), 'accepted')
    for (const index of [3, 8])
      assert.equal(
        judge(attester, without(index), liveFor(attester, { measurements: [pinned] })),
        'ATTESTATION_MEASUREMENT',
      )
  })
})
