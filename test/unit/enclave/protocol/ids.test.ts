import { expect } from 'chai'
import fc from 'fast-check'
import { fromHex, fromHexOr, type Hex, toHex } from '../../../../enclave/protocol/ids.ts'

describe('hex text of bytes', () => {
  it("equals Node's own, at every length up to 300, and reads back", () => {
    for (let length = 0; length <= 300; length++) {
      const bytes = Uint8Array.from({ length }, (_, at) => at * 31 + length)
      const text = toHex(bytes)
      expect(text).to.equal(`0x${Buffer.from(bytes).toString('hex')}`)
      expect(fromHex(text)).to.deep.equal(bytes)
    }
  })

  it('stays as it was given when other bytes are written after it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 80 }), (first, second) => {
        const text = toHex(first)
        toHex(second)
        expect(text).to.equal(`0x${Buffer.from(first).toString('hex')}`)
      }),
    )
  })

  it('is read in either case', () => {
    expect(fromHex('0xaBcDeF0123456789')).to.deep.equal(fromHex('0xabcdef0123456789'))
  })

  it('is refused with any other character in either place of a pair, whatever its code', () => {
    const digits = new Set('0123456789abcdefABCDEF')
    for (let code = 0; code <= 0xffff; code++) {
      const character = String.fromCharCode(code)
      const holds = digits.has(character)
      expect(fromHexOr(`0x${character}0`) !== undefined, `${code} first`).to.equal(holds)
      expect(fromHexOr(`0x0${character}`) !== undefined, `${code} second`).to.equal(holds)
    }
  })

  it('is refused without its prefix and with half a byte', () => {
    for (const text of ['', '0', '0x0', '00', '0X00', 'x00', '0x000', ' 0x00'])
      expect(fromHexOr(text)).to.equal(undefined)
    expect(() => fromHex('0xzz' as Hex)).to.throw(TypeError)
  })
})
