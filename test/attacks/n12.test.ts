import { strict as assert } from 'node:assert'
import { NonceBook } from '../../enclave/protocol/attestation/nonces.ts'
import { DOCUMENT_AT_MS, newTestAttester } from '../builders/attestation.ts'
import { archivedFor, judge, liveFor, verdictOf } from '../builders/expectations.ts'

describe('N12: a genuine document that answers another question', () => {
  const attester = newTestAttester()
  const nonce = Uint8Array.from({ length: 32 }, (_, at) => at + 1)

  it('is refused: one bit, one byte more or less, none at all', () => {
    assert.equal(judge(attester, attester.document({ nonce }), liveFor(attester, { nonce })), 'accepted')
    const others = [null, nonce.with(31, 0), nonce.slice(1), nonce.slice(0, 16), Uint8Array.of(...nonce, 0)]
    for (const other of [...others, new Uint8Array(0)]) {
      const document = attester.document({ nonce: other })
      assert.equal(judge(attester, document, liveFor(attester, { nonce })), 'ATTESTATION_NONCE')
      assert.equal(judge(attester, document, archivedFor(attester, { nonce })), 'ATTESTATION_NONCE')
    }
  })

  it('cannot be let in by a nonce that could be guessed, nor by forgetting to give one', () => {
    for (const short of [new Uint8Array(0), new Uint8Array(15), new Uint8Array(1_025)])
      assert.equal(
        judge(attester, attester.document({ nonce: short }), liveFor(attester, { nonce: short })),
        'ATTESTATION_EXPECTATION',
      )
    const forgotten = { ...liveFor(attester), nonce: undefined } as unknown as ReturnType<typeof liveFor>
    assert.equal(judge(attester, attester.document({ nonce }), forgotten), 'ATTESTATION_EXPECTATION')
  })

  it('is refused by a book that never gave that nonce out, or gave it out too long ago', () => {
    const nowMs = DOCUMENT_AT_MS
    const book = new NonceBook({ noncesMax: 2, lifetimeMs: 1_000 })
    const document = attester.document({ nonce })
    const asked = (atMs: number) => judge(attester, document, liveFor(attester, { nowMs: atMs, nonce: book }))
    assert.equal(asked(nowMs), 'ATTESTATION_NONCE')
    book.issue(nonce, nowMs)
    assert.equal(asked(nowMs + 1_001), 'ATTESTATION_NONCE')
    assert.equal(judge(attester, attester.document(), liveFor(attester, { nowMs, nonce: book })), 'ATTESTATION_NONCE')
    assert.equal(asked(nowMs + 1_000), 'accepted')
    assert.equal(
      verdictOf(() => book.issue(nonce, nowMs)),
      'ATTESTATION_EXPECTATION',
      'a nonce is given out once',
    )
  })
})
