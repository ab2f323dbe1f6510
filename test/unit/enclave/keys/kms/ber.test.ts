import { expect } from 'chai'
import { BER_BYTES_MAX, BER_DEPTH_MAX, BER_ELEMENTS_MAX, readBer } from '../../../../../enclave/keys/kms/ber.ts'
import { isCoded } from '../../../../../enclave/protocol/errors.ts'
import { indefinite, tlv } from '../../../../stand-ins/kms/envelope-writer.ts'

function refused(bytes: Uint8Array): string {
  try {
    readBer(bytes)
  } catch (error) {
    if (isCoded(error, 'KMS_ENVELOPE')) return error.message
    throw error
  }
  throw new Error('nothing was refused')
}

function nested(depth: number, wrap: typeof tlv): Uint8Array {
  return depth === 1 ? tlv(0x04) : wrap(0x30, nested(depth - 1, wrap))
}

describe('BER', () => {
  const octets = tlv(0x04, Uint8Array.of(1, 2))

  it('says the same with definite and indefinite lengths', () => {
    const expected = {
      tag: 0x30,
      elements: [
        { tag: 0x04, bytes: Uint8Array.of(1, 2) },
        { tag: 0xa0, elements: [] },
      ],
    }
    expect(readBer(tlv(0x30, octets, tlv(0xa0)))).to.deep.equal(expected)
    expect(readBer(indefinite(0x30, octets, indefinite(0xa0)))).to.deep.equal(expected)
    expect(readBer(indefinite(0x30, octets, tlv(0xa0)))).to.deep.equal(expected)
  })

  it('has lengths of one, two and three bytes, in their shortest form alone', () => {
    for (const size of [0, 1, 127, 128, 255, 256, 2_000]) {
      const { bytes } = readBer(tlv(0x04, new Uint8Array(size))) as { bytes: Uint8Array }
      expect(bytes).to.have.length(size)
    }
    expect(refused(Uint8Array.of(0x04, 0x81, 0x01, 9))).to.contain('shortest')
    expect(refused(Uint8Array.of(0x04, 0x82, 0x00, 0x01, 9))).to.contain('shortest')
    expect(refused(Uint8Array.of(0x04, 0x83, 0, 0, 1, 9))).to.contain('at most 2 bytes')
    expect(refused(Uint8Array.of(0x04, 0xff))).to.contain('at most 2 bytes')
  })

  it('is refused cut at any byte, with a byte behind it, and empty', () => {
    for (const whole of [tlv(0x30, octets, tlv(0xa0)), indefinite(0x30, octets, indefinite(0xa0))]) {
      for (let size = 0; size < whole.length; size++) refused(whole.subarray(0, size))
      expect(refused(Uint8Array.of(...whole, 0))).to.contain('behind')
    }
  })

  it('is refused where an element reaches past the one around it', () => {
    refused(Uint8Array.of(0x30, 0x03, 0x04, 0x02, 1, 2))
    refused(Uint8Array.of(0x30, 0x80, 0x30, 0x04, 0x04, 0x03, 1, 2, 3, 0, 0))
    // The mark of the inner one lies outside of the outer one.
    refused(Uint8Array.of(0x30, 0x02, 0x30, 0x80, 0, 0))
  })

  it('is refused with a length that a primitive element leaves out, a tag of several bytes, and half a mark', () => {
    expect(refused(Uint8Array.of(0x04, 0x80, 0, 0))).to.contain('primitive')
    expect(refused(Uint8Array.of(0x1f, 0x81, 0x01, 0))).to.contain('one byte')
    expect(refused(Uint8Array.of(0x3f, 0x80, 0, 0))).to.contain('one byte')
    expect(refused(Uint8Array.of(0x30, 0x80, 0, 1, 5, 0, 0))).to.contain('mark')
  })

  it('is read as deep, as long and as rich as its limits, and refused beyond each', () => {
    for (const wrap of [tlv, indefinite]) {
      readBer(nested(BER_DEPTH_MAX, wrap))
      expect(refused(nested(BER_DEPTH_MAX + 1, wrap))).to.contain(`at most ${BER_DEPTH_MAX} elements`)
      const many = (count: number): Uint8Array => wrap(0x30, ...Array.from({ length: count - 1 }, () => tlv(0x05)))
      readBer(many(BER_ELEMENTS_MAX))
      expect(refused(many(BER_ELEMENTS_MAX + 1))).to.contain(`at most ${BER_ELEMENTS_MAX} elements`)
    }
    readBer(tlv(0x04, new Uint8Array(BER_BYTES_MAX - 4)))
    expect(refused(tlv(0x04, new Uint8Array(BER_BYTES_MAX - 3)))).to.contain(`at most ${BER_BYTES_MAX} bytes`)
  })
})
