import { expect } from 'chai'
import { systemClock } from '../../../../enclave/shell/clock.ts'
import { randomBytes } from '../../../../enclave/shell/entropy.ts'

describe('the shell', () => {
  it('says that its clock is unattested, and gives whole seconds', () => {
    expect(systemClock.attested).to.equal(false)
    expect(Number.isSafeInteger(systemClock.unixSeconds())).to.equal(true)
    expect(systemClock.unixSeconds()).to.be.within(1_700_000_000, 2 ** 33)
  })

  it('draws bytes that do not repeat and do not share memory', () => {
    const draws = Array.from({ length: 200 }, () => randomBytes(16))
    expect(new Set(draws.map((bytes) => Buffer.from(bytes).toString('hex'))).size).to.equal(200)
    expect(draws.every((bytes) => bytes.length === 16 && bytes.byteOffset === 0)).to.equal(true)
  })
})
