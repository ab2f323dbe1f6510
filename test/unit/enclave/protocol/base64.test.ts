import { expect } from 'chai'
import fc from 'fast-check'
import { decodeBase64, encodeBase64 } from '../../../../enclave/protocol/base64.ts'

describe('base64', () => {
  it('has the examples of RFC 4648 section 10, in both directions', () => {
    const rows = { '': '', f: 'Zg==', fo: 'Zm8=', foo: 'Zm9v', foob: 'Zm9vYg==', fooba: 'Zm9vYmE=', foobar: 'Zm9vYmFy' }
    for (const [text, encoded] of Object.entries(rows)) {
      const bytes = new TextEncoder().encode(text)
      expect(encodeBase64(bytes)).to.equal(encoded)
      expect(decodeBase64(encoded)).to.deep.equal(bytes)
    }
  })

  it("agrees with Node's encoder on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(encodeBase64(bytes)).to.equal(Buffer.from(bytes).toString('base64'))
        expect(decodeBase64(encodeBase64(bytes))).to.deep.equal(new Uint8Array(bytes))
      }),
    )
  })

  it('reads only the one spelling that it would write itself', () => {
    const letters = fc.constantFrom(...'ABab09+/=-_ \n')
    fc.assert(
      fc.property(fc.string({ unit: letters, maxLength: 8 }), (text) => {
        const bytes = decodeBase64(text)
        if (bytes !== undefined) expect(encodeBase64(bytes)).to.equal(text)
      }),
      { numRuns: 5_000 },
    )
    for (const text of ['Zg', 'Zg=', 'Zh==', 'Zm9=', 'Zg==\n', ' Zg==', 'Z-==', 'Zg==Zg==', '====', 'é']) {
      expect(decodeBase64(text), text).to.equal(undefined)
    }
  })
})
