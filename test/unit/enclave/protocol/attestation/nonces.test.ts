import { expect } from 'chai'
import { NonceBook } from '../../../../../enclave/protocol/attestation/nonces.ts'
import { verdictOf } from '../../../../builders/expectations.ts'

const nonceOf = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)

describe('the nonces that a verifier gave out', () => {
  it('count once each, in any order, up to the end of their lifetime', () => {
    const book = new NonceBook({ noncesMax: 3, lifetimeMs: 10 })
    for (const byte of [1, 2, 3]) book.issue(nonceOf(byte), 100)
    for (const byte of [3, 1]) {
      expect(verdictOf(() => book.check(nonceOf(byte), 110))).to.equal('accepted')
      expect(verdictOf(() => book.spend(nonceOf(byte), 110))).to.equal('accepted')
      expect(verdictOf(() => book.check(nonceOf(byte), 110))).to.equal('ATTESTATION_REPLAY')
      expect(verdictOf(() => book.spend(nonceOf(byte), 110))).to.equal('ATTESTATION_REPLAY')
    }
    expect(verdictOf(() => book.check(nonceOf(2), 111))).to.equal('ATTESTATION_NONCE')
    for (const other of [null, nonceOf(4), new Uint8Array(0), nonceOf(1).slice(1)])
      expect(verdictOf(() => book.check(other, 105))).to.equal('ATTESTATION_NONCE')
  })

  it('are bounded in number: used ones keep their place until they could not be used any more', () => {
    const book = new NonceBook({ noncesMax: 2, lifetimeMs: 10 })
    book.issue(nonceOf(1), 100)
    book.issue(nonceOf(2), 100)
    book.spend(nonceOf(1), 100)
    expect(verdictOf(() => book.issue(nonceOf(3), 110))).to.equal('ATTESTATION_EXPECTATION')
    expect(verdictOf(() => book.issue(nonceOf(3), 111))).to.equal('accepted')
    expect(verdictOf(() => book.check(nonceOf(3), 121))).to.equal('accepted')
    expect(verdictOf(() => book.check(nonceOf(1), 111))).to.equal('ATTESTATION_NONCE')
  })

  it('are never given out twice, nor too short', () => {
    const book = new NonceBook({ noncesMax: 9, lifetimeMs: 10 })
    book.issue(nonceOf(1), 100)
    expect(verdictOf(() => book.issue(nonceOf(1), 100))).to.equal('ATTESTATION_EXPECTATION')
    expect(verdictOf(() => book.issue(new Uint8Array(15), 100))).to.equal('ATTESTATION_EXPECTATION')
  })
})
