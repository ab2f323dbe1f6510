import { strict as assert } from 'node:assert'
import { emulatedDocument, newTestAttester } from '../builders/attestation.ts'
import { ENVELOPES } from '../builders/attestation-envelopes.ts'
import { archivedFor, judge, judgeGenuine, liveFor } from '../builders/expectations.ts'
import { rawArray, rawBytes } from '../builders/raw-cbor.ts'

describe('N20: an enclave that an emulator plays', () => {
  const attester = newTestAttester()

  it('is refused as the emulator writes it: no algorithm, no certificate, no signature', () => {
    const document = emulatedDocument(attester)
    for (const flags of [{}, { allowDebug: true, allowTag18: true }]) {
      assert.equal(judge(attester, document, liveFor(attester, flags)), 'ATTESTATION_ENVELOPE')
      assert.equal(judge(attester, document, archivedFor(attester, flags)), 'ATTESTATION_ENVELOPE')
      assert.equal(judgeGenuine(document, archivedFor(attester, flags)), 'ATTESTATION_ENVELOPE')
    }
  })

  it('is refused with a genuine chain above it: whoever cannot sign attests nothing', () => {
    const unsigned = attester.document({
      envelope: ({ protectedItem, unprotectedItem, payloadItem }) =>
        rawArray([protectedItem, unprotectedItem, payloadItem, rawBytes(new Uint8Array(96))]),
    })
    assert.equal(judge(attester, attester.document(), liveFor(attester)), 'accepted')
    assert.equal(judge(attester, unsigned, liveFor(attester, { allowDebug: true })), 'ATTESTATION_SIGNATURE')
    const signatures = ENVELOPES.filter(({ expect }) => expect === 'ATTESTATION_SIGNATURE')
    assert(signatures.length >= 5)
    for (const { name, edit } of signatures)
      assert.equal(
        judge(attester, attester.document({ envelope: edit }), archivedFor(attester)),
        'ATTESTATION_SIGNATURE',
        name,
      )
  })
})
