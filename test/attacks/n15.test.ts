import { strict as assert } from 'node:assert'
import { filled, newTestAttester } from '../builders/attestation.ts'
import { imageOf, judge, liveFor } from '../builders/expectations.ts'

describe('N15: another image whose PCR0 is the right one', () => {
  const attester = newTestAttester()
  const honest = imageOf(attester)

  it('is refused: the three registers count together', () => {
    assert.equal(judge(attester, attester.document(), liveFor(attester)), 'accepted')
    for (const index of [0, 1, 2]) {
      const moved = attester.document({ pcrs: new Map([[index, filled(0x55)]]) })
      assert.equal(judge(attester, moved, liveFor(attester)), 'ATTESTATION_MEASUREMENT', `PCR${index}`)
    }
  })

  it('is not put together from two images that are both allowed', () => {
    const other = { name: 'other', pcr0: filled(0xb0), pcr1: filled(0xb1), pcr2: filled(0xb2) }
    const both = liveFor(attester, { measurements: [honest, other] })
    const mixed = attester.document({ pcrs: new Map([[1, other.pcr1]]) })
    const second = attester.document({
      pcrs: new Map([
        [0, other.pcr0],
        [1, other.pcr1],
        [2, other.pcr2],
      ]),
    })
    assert.equal(judge(attester, second, both), 'accepted')
    assert.equal(judge(attester, mixed, both), 'ATTESTATION_MEASUREMENT')
  })

  it('is told apart to the last bit', () => {
    for (const index of [0, 1, 2] as const) {
      const register = attester.measurements[index]
      for (const at of [0, 47]) {
        const flipped = register.with(at, (register[at] ?? 0) ^ 1)
        const document = attester.document({ pcrs: new Map([[index, flipped]]) })
        assert.equal(judge(attester, document, liveFor(attester)), 'ATTESTATION_MEASUREMENT')
      }
    }
  })
})
