import { expect } from 'chai'
import fc from 'fast-check'
import {
  BIT_STRING,
  GENERALIZED_TIME,
  newDerReader,
  OCTET_STRING,
  readBitString,
  readElement,
  readTimeMs,
  readUnsigned,
  UTC_TIME,
} from '../../../../../enclave/protocol/attestation/der.ts'
import { verdictOf } from '../../../../builders/expectations.ts'

const MALFORMED = 'ATTESTATION_CHAIN'

function timeOf(tag: number, text: string): string | number {
  const bytes = Uint8Array.of(tag, text.length, ...new TextEncoder().encode(text))
  let timeMs = 0
  const verdict = verdictOf(() => {
    timeMs = readTimeMs(newDerReader(bytes), 'a time')
  })
  return verdict === 'accepted' ? timeMs : verdict
}

function verdictOn(bytes: readonly number[], read: (reader: ReturnType<typeof newDerReader>) => unknown): string {
  return verdictOf(() => read(newDerReader(Uint8Array.from(bytes))))
}

const utc = (text: string) => timeOf(UTC_TIME, text)
const generalized = (text: string) => timeOf(GENERALIZED_TIME, text)

describe('times of certificates', () => {
  it('are read in both forms, with the century that RFC 5280 gives two digits', () => {
    expect(utc('191028132805Z')).to.equal(Date.UTC(2019, 9, 28, 13, 28, 5))
    expect(utc('491028142805Z')).to.equal(Date.UTC(2049, 9, 28, 14, 28, 5))
    expect(utc('500101000000Z')).to.equal(Date.UTC(1950, 0, 1))
    expect(utc('991231235959Z')).to.equal(Date.UTC(1999, 11, 31, 23, 59, 59))
    expect(generalized('20491028142805Z')).to.equal(Date.UTC(2049, 9, 28, 14, 28, 5))
    expect(generalized('20500101000000Z')).to.equal(Date.UTC(2050, 0, 1))
    expect(utc('240229000000Z')).to.equal(Date.UTC(2024, 1, 29))
  })

  it('are refused off the calendar: no day rolls over into the next month', () => {
    for (const text of ['230229000000Z', '230431000000Z', '231301000000Z', '230001000000Z', '230100000000Z'])
      expect(utc(text), text).to.equal(MALFORMED)
    for (const text of ['230101240000Z', '230101006000Z', '230101000060Z', '230132000000Z'])
      expect(utc(text), text).to.equal(MALFORMED)
    expect(generalized('21000229000000Z')).to.equal(MALFORMED)
    expect(generalized('20000229000000Z')).to.equal(Date.UTC(2000, 1, 29))
  })

  it('are refused without seconds, with fractions, with zones and with other characters', () => {
    for (const text of ['2301010000Z', '230101000000', '230101000000+0100', '2301010000000Z', '23010100000 Z', ''])
      expect(utc(text), text).to.equal(MALFORMED)
    for (const text of ['230101000000Z', '20230101000000.5Z', '20230101000000', '２0230101000000Z'])
      expect(generalized(text), text).to.equal(MALFORMED)
  })
})

describe('DER', () => {
  const octets = (reader: ReturnType<typeof newDerReader>) => readElement(reader, OCTET_STRING, 'octets')

  it('has one length for each string: not indefinite, not longer than it has to be, not past what holds it', () => {
    expect(verdictOn([4, 1, 7], octets)).to.equal('accepted')
    expect(verdictOn([4, 0x81, 0x80, ...new Uint8Array(0x80)], octets)).to.equal('accepted')
    expect(verdictOn([4, 0x82, 1, 0, ...new Uint8Array(0x100)], octets)).to.equal('accepted')
    for (const bytes of [
      [4, 0x81, 1, 7],
      [4, 0x82, 0, 0x80, ...new Uint8Array(0x80)],
      [4, 0x80, 7, 0, 0],
      [4, 0x83, 0, 0, 1, 7],
      [4, 0x84, 0xff, 0xff, 0xff, 0xff],
      [4, 0xff],
      [4, 2, 7],
      [4],
      [],
      [5, 0],
      [0x24, 1, 7],
    ])
      expect(verdictOn(bytes, octets), bytes.slice(0, 5).join()).to.equal(MALFORMED)
  })

  it('has one form for each number, and none of ours is negative', () => {
    const number = (reader: ReturnType<typeof newDerReader>) => readUnsigned(reader, 'a number')
    for (const bytes of [
      [2, 1, 0],
      [2, 1, 0x7f],
      [2, 2, 0, 0x80],
    ])
      expect(verdictOn(bytes, number)).to.equal('accepted')
    for (const bytes of [
      [2, 0],
      [2, 1, 0x80],
      [2, 2, 0, 0x7f],
      [2, 2, 0, 0],
      [2, 2, 0xff, 0xff],
    ])
      expect(verdictOn(bytes, number), bytes.join()).to.equal(MALFORMED)
  })

  it('leaves the unused bits of a bit string zero', () => {
    const bits = (reader: ReturnType<typeof newDerReader>) => readBitString(reader, 'bits')
    for (const bytes of [
      [BIT_STRING, 2, 7, 0x80],
      [BIT_STRING, 2, 0, 0xff],
      [BIT_STRING, 1, 0],
    ])
      expect(verdictOn(bytes, bits)).to.equal('accepted')
    for (const bytes of [
      [BIT_STRING, 0],
      [BIT_STRING, 2, 8, 0],
      [BIT_STRING, 2, 7, 0xc0],
      [BIT_STRING, 1, 1],
    ])
      expect(verdictOn(bytes, bits), bytes.join()).to.equal(MALFORMED)
  })

  it('is read or refused, and never crashes the reader', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const read of [octets, (r: ReturnType<typeof newDerReader>) => readTimeMs(r, 'a time')])
          expect(verdictOn([...bytes], read)).to.be.oneOf(['accepted', MALFORMED])
      }),
    )
  })
})
