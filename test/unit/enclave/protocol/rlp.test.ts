import { expect } from 'chai'
import fc from 'fast-check'
import { numberToHex, toRlp } from 'viem/utils'
import { toHex } from '../../../../enclave/protocol/ids.ts'
import { rlpBytes, rlpList, rlpUint, rlpWord } from '../../../../enclave/protocol/rlp.ts'
import { uintWord } from '../../../../enclave/protocol/words.ts'

/** Around the places where a length takes another form. */
const LENGTHS = [0, 1, 2, 54, 55, 56, 57, 255, 256, 257, 65_535, 65_536]

describe('RLP', () => {
  it('writes byte strings of every form of length as viem does', () => {
    for (const length of LENGTHS) {
      for (const byte of [0, 0x7f, 0x80, 0xff]) {
        const bytes = new Uint8Array(length).fill(byte)
        expect(toHex(rlpBytes(bytes)), `${length} times ${byte}`).to.equal(toRlp(toHex(bytes)))
      }
    }
  })

  it('writes lists of byte strings as viem does, an empty one and a long one among them', () => {
    const items = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 })
    fc.assert(
      fc.property(items, (list) => {
        expect(toHex(rlpList(list.map(rlpBytes)))).to.equal(toRlp(list.map(toHex)))
      }),
      { examples: [[[]], [LENGTHS.map((length) => new Uint8Array(length))]] },
    )
  })

  it('writes an integer without the zeros in front of it, as a number and as a word', () => {
    const integers = fc.bigInt({ min: 1n, max: 2n ** 256n - 1n })
    const shifted = fc.tuple(integers, fc.bigInt({ min: 0n, max: 255n })).map(([value, bits]) => value >> bits)
    fc.assert(
      fc.property(shifted, (value) => {
        const expected = value === 0n ? '0x80' : toRlp(numberToHex(value, { size: evenBytes(value) }))
        expect(toHex(rlpUint(value))).to.equal(expected)
        expect(toHex(rlpWord(uintWord(value)))).to.equal(expected)
      }),
      { examples: [[0n], [1n], [127n], [128n], [255n], [256n]] },
    )
  })
})

function evenBytes(value: bigint): number {
  return Math.ceil(value.toString(16).length / 2)
}
