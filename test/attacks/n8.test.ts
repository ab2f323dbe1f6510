import { strict as assert } from 'node:assert'
import { type Entry, honestPayload, newTestAttester, replace } from '../builders/attestation.ts'
import { OPTIONAL_KEYS, REQUIRED_KEYS } from '../builders/attestation-payloads.ts'
import { archivedFor, judge } from '../builders/expectations.ts'
import { NULL } from '../builders/raw-cbor.ts'

describe('N8: a document that leaves a field out', () => {
  const attester = newTestAttester()

  function verdictOf(change: (entries: readonly Entry[]) => readonly Entry[]): string {
    const document = attester.document({ payload: (entries) => honestPayload(change(entries)) })
    return judge(attester, document, archivedFor(attester))
  }

  it('is refused for each one, before any check could be passed over for want of it', () => {
    assert.equal(
      verdictOf((entries) => entries),
      'accepted',
    )
    for (const key of REQUIRED_KEYS) {
      assert.equal(
        verdictOf((entries) => entries.filter(([name]) => name !== key)),
        'ATTESTATION_PAYLOAD',
        key,
      )
      assert.equal(
        verdictOf((entries) => replace(entries, key, NULL)),
        'ATTESTATION_PAYLOAD',
        `${key} null`,
      )
    }
  })

  it('may leave out what AWS calls optional, which then counts as null and meets no demand', () => {
    for (const key of OPTIONAL_KEYS)
      assert.equal(
        verdictOf((entries) => entries.filter(([name]) => name !== key)),
        'accepted',
        key,
      )
    const silent = attester.document({
      payload: (entries) => honestPayload(entries.filter(([name]) => name !== 'nonce')),
    })
    const asked = archivedFor(attester, { nonce: new Uint8Array(16) })
    assert.equal(judge(attester, silent, asked), 'ATTESTATION_NONCE')
  })
})
