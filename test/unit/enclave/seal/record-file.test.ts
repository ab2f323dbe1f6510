import { expect } from 'chai'
import { packRecords, unpackRecords } from '../../../../enclave/seal/record-file.ts'
import { codeOf } from '../../../builders/refusals.ts'

const RECORDS = [Uint8Array.of(1, 2, 3), new Uint8Array(0), new Uint8Array(300).fill(7)]

describe('records in one blob', () => {
  it('read back as they were packed, none among them', () => {
    expect(unpackRecords(packRecords(RECORDS), 3)).to.deep.equal(RECORDS)
    expect(unpackRecords(packRecords([]), 0)).to.deep.equal([])
  })

  it('are refused when cut anywhere but between two records', () => {
    const blob = packRecords(RECORDS)
    const whole = [0, 7, 11, blob.length]
    for (let length = 0; length <= blob.length; length++) {
      const attempt = () => unpackRecords(blob.slice(0, length), 3)
      if (whole.includes(length)) expect(attempt()).to.have.length(whole.indexOf(length))
      else expect(codeOf(attempt), `${length} bytes`).to.equal('SEAL_BROKEN')
    }
  })

  it('are refused beyond the number asked for, and with a length of 4 GiB', () => {
    expect(codeOf(() => unpackRecords(packRecords(RECORDS), 2))).to.equal('SEAL_BROKEN')
    expect(codeOf(() => unpackRecords(Uint8Array.of(255, 255, 255, 255, 0), 3))).to.equal('SEAL_BROKEN')
  })

  it('read a view into a larger buffer, and come out as copies', () => {
    const blob = packRecords(RECORDS)
    const large = new Uint8Array(blob.length + 9)
    large.set(blob, 9)
    const records = unpackRecords(large.subarray(9), 3)
    large.fill(0)
    expect(records).to.deep.equal(RECORDS)
  })
})
