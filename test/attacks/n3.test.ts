import { strict as assert } from 'node:assert'
import { newTestAttester } from '../builders/attestation.ts'
import { CHAINS } from '../builders/attestation-chains.ts'
import { archivedFor, judge, judgeGenuine, liveFor } from '../builders/expectations.ts'

describe('N3: a forger with a root of his own', () => {
  const attester = newTestAttester()

  it('makes a perfect document under it, and is refused by whoever pins another', () => {
    const forger = newTestAttester()
    const document = forger.document()
    assert.equal(judge(forger, document, liveFor(forger)), 'accepted')
    assert.equal(judge(attester, document, liveFor(forger)), 'ATTESTATION_ROOT')
    assert.equal(judge(attester, document, archivedFor(forger, { allowDebug: true })), 'ATTESTATION_ROOT')
  })

  it('is refused by the verifier of production, whose root is AWS’s', () => {
    assert.equal(judgeGenuine(attester.document(), liveFor(attester)), 'ATTESTATION_ROOT')
    assert.equal(
      judgeGenuine(attester.document(), archivedFor(attester, { allowDebug: true, allowTag18: true })),
      'ATTESTATION_ROOT',
    )
  })

  it('gains nothing by a name, by a second certificate over the pinned key, or by adding the pinned root', () => {
    const roots = CHAINS.filter(({ name }) => name.includes('root'))
    assert(roots.length >= 6)
    for (const { name, expect, edit } of roots) {
      assert.notEqual(expect, 'accepted')
      assert.equal(judge(attester, attester.document({ chain: edit }), archivedFor(attester)), expect, name)
    }
  })
})
