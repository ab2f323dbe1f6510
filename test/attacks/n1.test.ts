import { strict as assert } from 'node:assert'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { filled, newTestAttester } from '../builders/attestation.ts'
import { archivedFor, imageOf, judge, judgeGenuine, liveFor } from '../builders/expectations.ts'
import { readGenuine } from '../builders/genuine-documents.ts'
import { describeWithShared } from '../builders/shared-data.ts'

const ZERO = filled(0)
const NOTHING_MEASURED = { pcr0: ZERO, pcr1: ZERO, pcr2: ZERO }

describe('N1: a host that runs the genuine image in debug mode', () => {
  const attester = newTestAttester()
  const debug = attester.document({ pcrs: new Map([0, 1, 2].map((index) => [index, ZERO])) })

  it('is refused by a verifier that knows the image, and by one that was told to expect zeros', () => {
    assert.equal(judge(attester, attester.document(), liveFor(attester)), 'accepted')
    assert.equal(judge(attester, debug, liveFor(attester)), 'ATTESTATION_DEBUG')
    assert.equal(judge(attester, debug, liveFor(attester, { measurements: [NOTHING_MEASURED] })), 'ATTESTATION_DEBUG')
    assert.equal(
      judge(attester, debug, archivedFor(attester, { measurements: [NOTHING_MEASURED] })),
      'ATTESTATION_DEBUG',
    )
  })

  it('does not hide a zero behind two registers that are none', () => {
    for (const index of [0, 1, 2]) {
      const image = { ...imageOf(attester), [`pcr${index}`]: ZERO }
      const document = attester.document({ pcrs: new Map([[index, ZERO]]) })
      assert.equal(judge(attester, document, liveFor(attester, { measurements: [image] })), 'ATTESTATION_DEBUG')
      assert.equal(
        judge(attester, document, liveFor(attester, { measurements: [image, imageOf(attester)] })),
        'ATTESTATION_DEBUG',
      )
    }
  })

  it('passes in tests alone, and the verdict says so', () => {
    const expectation = liveFor(attester, { measurements: [NOTHING_MEASURED], allowDebug: true })
    assert.equal(verifyUnder(debug, expectation, toHash(attester.rootPin)).debug, true)
    assert.equal(
      judge(attester, debug, liveFor(attester, { allowDebug: true })),
      'ATTESTATION_MEASUREMENT',
      'the flag lets zeros pass, not another image',
    )
  })
})

describeWithShared('N1: debug enclaves that AWS signed for', 'attestation', (folder) => {
  const samples = readGenuine(folder).filter(({ isDebug }) => isDebug)

  it('are refused, chain and signature being perfect', () => {
    assert(samples.length >= 4)
    for (const { bytes, measurement } of samples) {
      const archived = {
        mode: 'archived',
        measurements: [measurement],
        nonce: 'unchecked',
        binding: 'unchecked',
      } as const
      assert.equal(judgeGenuine(bytes, archived), 'ATTESTATION_DEBUG')
      assert.equal(judgeGenuine(bytes, { ...archived, allowDebug: true }), 'accepted')
    }
  })
})
