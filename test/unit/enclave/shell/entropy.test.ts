import { expect } from 'chai'
import { randomBytes } from '../../../../enclave/shell/entropy.ts'

describe('the entropy of the shell', () => {
  it('draws bytes that do not repeat and do not share memory', () => {
    const draws = Array.from({ length: 200 }, () => randomBytes(16))
    expect(new Set(draws.map((bytes) => Buffer.from(bytes).toString('hex'))).size).to.equal(200)
    expect(draws.every((bytes) => bytes.length === 16 && bytes.byteOffset === 0)).to.equal(true)
  })
})
