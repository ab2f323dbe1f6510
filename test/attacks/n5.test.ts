import { strict as assert } from 'node:assert'
import { newTestAttester, PROTECTED_ES384 } from '../builders/attestation.ts'
import { ENVELOPES } from '../builders/attestation-envelopes.ts'
import { archivedFor, judge } from '../builders/expectations.ts'
import { rawArray, rawBytes, rawMap, rawUint } from '../builders/raw-cbor.ts'

const ES256 = Uint8Array.of(0x26)

describe('N5: an algorithm that is named outside the signature', () => {
  const attester = newTestAttester()

  it('is refused, though the signature still verifies', () => {
    const named = attester.document({
      envelope: ({ payloadItem, signatureItem }) =>
        rawArray([rawBytes(PROTECTED_ES384), rawMap([[rawUint(1), ES256]]), payloadItem, signatureItem]),
    })
    assert.equal(judge(attester, attester.document(), archivedFor(attester)), 'accepted')
    assert.equal(judge(attester, named, archivedFor(attester)), 'ATTESTATION_ENVELOPE')
  })

  it('finds no other form of either header to hide in', () => {
    const headers = ENVELOPES.filter(({ name }) => /header|algorithm|unprotected/.test(name))
    assert(headers.length >= 10)
    for (const { name, expect, edit } of headers) {
      assert.notEqual(expect, 'accepted')
      assert.equal(judge(attester, attester.document({ envelope: edit }), archivedFor(attester)), expect, name)
    }
  })
})
