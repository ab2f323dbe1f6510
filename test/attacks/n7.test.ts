import { strict as assert } from 'node:assert'
import { filled, honestPayload, newTestAttester, pairOf } from '../builders/attestation.ts'
import { PAYLOADS } from '../builders/attestation-payloads.ts'
import { archivedFor, judge } from '../builders/expectations.ts'
import { rawBytes, rawMap } from '../builders/raw-cbor.ts'

describe('N7: a field that stands there twice', () => {
  const attester = newTestAttester()
  const mine = ['user_data', rawBytes(filled(1))] as const

  it('is refused, whichever of the two a reader would keep, in both forms of the map', () => {
    const written = [
      attester.document({ payload: (entries) => honestPayload([...entries, mine]) }),
      attester.document({ payload: (entries) => honestPayload([mine, ...entries]) }),
      attester.document({ payload: (entries) => rawMap([...entries, mine].map(pairOf)) }),
    ]
    assert.equal(judge(attester, attester.document(), archivedFor(attester)), 'accepted')
    for (const document of written)
      assert.equal(judge(attester, document, archivedFor(attester)), 'ATTESTATION_PAYLOAD')
  })

  it('is refused among the registers too, and for every field', () => {
    const doubled = PAYLOADS.filter(({ name }) => /twice/.test(name))
    assert(doubled.length >= 12)
    for (const { name, edit } of doubled)
      assert.equal(
        judge(attester, attester.document({ payload: edit }), archivedFor(attester)),
        'ATTESTATION_PAYLOAD',
        name,
      )
  })
})
