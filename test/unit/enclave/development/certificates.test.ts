import { createPublicKey, X509Certificate } from 'node:crypto'
import { expect } from 'chai'
import { type Chain, drawDevelopmentRoot, issueChain } from '../../../../enclave/development/chain.ts'
import { identifier, integer, time } from '../../../../enclave/development/der-writer.ts'
import { randomBytes } from '../../../../enclave/shell/entropy.ts'

const AT_MS = Date.UTC(2026, 10, 21, 12)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

describe('development certificates', () => {
  const root = drawDevelopmentRoot(randomBytes)
  const chain: Chain = issueChain(root, 'i-0123-enc4567', AT_MS, randomBytes)
  const all = [...chain.bundle, chain.leaf]

  it('are read by OpenSSL to the last byte, each signed by the one before', () => {
    const read = all.map((der) => new X509Certificate(der))
    for (const [at, certificate] of read.entries()) {
      const issuer = read[Math.max(0, at - 1)] as X509Certificate
      expect(certificate.raw.length).to.equal(all[at]?.length)
      expect(certificate.checkIssued(issuer)).to.equal(true)
      expect(certificate.verify(issuer.publicKey)).to.equal(true)
    }
    expect(read.map((certificate) => certificate.ca)).to.deep.equal([true, true, true, true, false])
    expect(createPublicKey(chain.leafKey).equals((read.at(-1) as X509Certificate).publicKey)).to.equal(true)
  })

  it('write what each may do in the bytes of AWS’s own certificates', () => {
    const critical = '0101ff'
    const usages = all.map((der) => /0603551d0f(0101ff)?0404(03020[0-9a-f]{3})/.exec(hexOf(der)))
    expect(usages.map((match) => match?.[2])).to.deep.equal([
      '03020186',
      '03020186',
      '03020186',
      '03020204',
      '030206c0',
    ])
    expect(usages.map((match) => match?.[1])).to.deep.equal([critical, critical, critical, critical, undefined])
    const limits = all.map((der) =>
      /0603551d130101ff04(?:05|08|02)(30(?:030101ff|060101ff02010[0-9]|00))/.exec(hexOf(der)),
    )
    expect(limits.map((match) => match?.[1])).to.deep.equal([
      '30030101ff',
      '30060101ff020102',
      '30060101ff020101',
      '30060101ff020100',
      '3000',
    ])
  })

  it('live as long as AWS’s below a root without an end: 20 days, 5.75 days, 24 hours, 3 hours', () => {
    const spans = all.map((der) => {
      const { validFromDate, validToDate } = new X509Certificate(der)
      expect(validFromDate.getTime()).to.be.below(AT_MS)
      return validToDate.getTime() - validFromDate.getTime()
    })
    expect(new X509Certificate(root.certificate).validTo).to.equal('Dec 31 23:59:59 9999 GMT')
    expect(spans.slice(1)).to.deep.equal([20 * DAY_MS, 5.75 * DAY_MS, DAY_MS, 3 * HOUR_MS])
  })

  it('say in the name of their root what they are, and what they are not', () => {
    const { subject, issuer } = new X509Certificate(root.certificate)
    expect(subject).to.equal('O=Anchorhold\nOU=development\nCN=anchorhold development\\, NOT AWS')
    expect(issuer).to.equal(subject)
    for (const der of all) expect(Buffer.from(der).includes('aws.nitro-enclaves')).to.equal(false)
  })
})

describe('the DER writer', () => {
  it('writes the shortest form of a number, with a sign byte where it would look negative', () => {
    expect(hexOf(integer(Uint8Array.of(0)))).to.equal('020100')
    expect(hexOf(integer(Uint8Array.of(0, 0, 0x7f)))).to.equal('02017f')
    expect(hexOf(integer(Uint8Array.of(0x80)))).to.equal('02020080')
  })

  it('writes object identifiers in base 128', () => {
    expect(hexOf(identifier('1.2.840.10045.4.3.3'))).to.equal('06082a8648ce3d040303')
    expect(hexOf(identifier('2.5.29.19'))).to.equal('0603551d13')
  })

  it('writes years in two digits until 2049 and in four from 2050 on', () => {
    expect(hexOf(time(Date.UTC(2049, 11, 31, 23, 59, 59)))).to.equal(`170d${hexOf(Buffer.from('491231235959Z'))}`)
    expect(hexOf(time(Date.UTC(2050, 0, 1)))).to.equal(`180f${hexOf(Buffer.from('20500101000000Z'))}`)
  })
})
