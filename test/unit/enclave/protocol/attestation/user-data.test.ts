import { expect } from 'chai'
import {
  attestationDigestOf,
  decodeUserData,
  encodeUserData,
  imageDigestOf,
  pcr16Of,
  USER_DATA_BYTES_MAX,
  type UserData,
} from '../../../../../enclave/protocol/attestation/user-data.ts'
import { AssertionError } from '../../../../../enclave/protocol/errors.ts'
import { type Address, type Hash, toHex } from '../../../../../enclave/protocol/ids.ts'
import { newTestAttester, twinOf } from '../../../../builders/attestation.ts'
import { verdictOf } from '../../../../builders/expectations.ts'

const HASH = `0x${'ab'.repeat(32)}` as Hash
const ADDRESS = `0x${'cd'.repeat(20)}` as Address

const LARGEST: UserData = {
  v: 1,
  role: 'signer',
  chainId: Number.MAX_SAFE_INTEGER,
  anchor: ADDRESS,
  config: HASH,
  authority: ADDRESS,
  policyHash: HASH,
  head: HASH,
  epoch: 2 ** 48 - 1,
  session: ADDRESS,
  credits: 'host-trusted',
}
const COLD: UserData = {
  v: 1,
  role: 'core',
  chainId: 1,
  anchor: null,
  config: HASH,
  authority: null,
  policyHash: null,
  head: null,
  epoch: null,
  session: null,
  credits: null,
}

describe('user_data of our documents', () => {
  it('comes back as it was, from the fullest to the coldest boot, within what AWS allows', () => {
    for (const userData of [LARGEST, COLD]) {
      const bytes = encodeUserData(userData)
      expect(bytes.length).to.be.at.most(USER_DATA_BYTES_MAX)
      expect(decodeUserData(bytes)).to.deep.equal(userData)
    }
  })

  it('has one form of bytes: no bit of it can be flipped without another meaning or a refusal', () => {
    const bytes = encodeUserData(LARGEST)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const verdict = verdictOf(() => expect(decodeUserData(flipped)).to.not.deep.equal(LARGEST))
      expect(verdict).to.be.oneOf(['accepted', 'ATTESTATION_BINDING'])
    }
  })

  it('is refused when a field is left out, cut, added or of another version', () => {
    const bytes = encodeUserData(LARGEST)
    for (let length = 0; length < bytes.length; length++)
      expect(verdictOf(() => decodeUserData(bytes.slice(0, length)))).to.equal('ATTESTATION_BINDING')
    expect(verdictOf(() => decodeUserData(encodeUserData({ ...LARGEST, v: 0 })))).to.equal('ATTESTATION_BINDING')
    expect(verdictOf(() => decodeUserData(new Uint8Array(513)))).to.equal('ATTESTATION_BINDING')
  })
})

describe('digests of an attested boot', () => {
  it('give PCR16 as an extension of zero by the locked configuration', () => {
    // sha384 of 48 zero bytes and 32 bytes 0xab, by another program.
    expect(toHex(pcr16Of(HASH))).to.equal(
      '0x39791cbba5c02955cb8e8727ec85dd1928c1f2968b3e6b8c01765e9eddedc37c705afa6d6ad828115c5e2df6992ab97a',
    )
  })

  it('name an image by three registers in their order', () => {
    const [a, b, c] = [1, 2, 3].map((byte) => new Uint8Array(48).fill(byte)) as [Uint8Array, Uint8Array, Uint8Array]
    const digest = imageDigestOf(a, b, c)
    expect(digest).to.equal('0x79415a8460aad0c8ae8d2eb4b4c7a7cb2d4d546b453e170add25071572b0fd69')
    for (const other of [imageDigestOf(b, a, c), imageDigestOf(a, c, b), imageDigestOf(a, b, b)])
      expect(other).to.not.equal(digest)
    expect(() => imageDigestOf(a, b, c.slice(1))).to.throw(AssertionError)
  })

  it('name a document by what was signed, in whichever form its signature comes', () => {
    const document = newTestAttester().document()
    expect(attestationDigestOf(twinOf(document))).to.equal(attestationDigestOf(document))
    expect(verdictOf(() => attestationDigestOf(document.slice(1)))).to.equal('ATTESTATION_ENVELOPE')
  })
})
