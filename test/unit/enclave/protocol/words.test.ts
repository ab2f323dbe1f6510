import { expect } from 'chai'
import fc from 'fast-check'
import { toHex } from '../../../../enclave/protocol/ids.ts'
import { intWord, uintWord } from '../../../../enclave/protocol/words.ts'

describe('ABI words', () => {
  it('hold any unsigned integer of 256 bits, right-aligned', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (value) => {
        expect(toHex(uintWord(value))).to.equal(`0x${value.toString(16).padStart(64, '0')}`)
      }),
    )
    for (let bit = 0n; bit < 256n; bit++) expect(BigInt(toHex(uintWord(2n ** bit)))).to.equal(2n ** bit)
    expect(BigInt(toHex(uintWord(Number.MAX_SAFE_INTEGER)))).to.equal(2n ** 53n - 1n)
  })

  it("hold a signed integer in two's complement", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 255n), max: 2n ** 255n - 1n }), (value) => {
        expect(BigInt.asIntN(256, BigInt(toHex(intWord(value))))).to.equal(value)
      }),
    )
  })

  it('are apart: a word stays as it was when another is made', () => {
    const first = uintWord(1n)
    uintWord(2n ** 256n - 1n)
    expect(toHex(first)).to.equal(`0x${'0'.repeat(63)}1`)
  })
})
