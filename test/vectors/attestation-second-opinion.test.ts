import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto'
import { Decoder } from 'cbor-x'
import { expect } from 'chai'
import { type Certificate, readCertificate } from '../../enclave/protocol/attestation/certificate.ts'
import { readEnvelope } from '../../enclave/protocol/attestation/envelope.ts'
import { installPureP384, verifyP384 } from '../../enclave/protocol/attestation/p384.ts'
import { readPayload } from '../../enclave/protocol/attestation/payload.ts'
import { AWS_NITRO_ROOT } from '../../enclave/protocol/attestation/verify.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import { installFastP384 } from '../../enclave/shell/fast-p384.ts'
import { newDice } from '../../scripts/journal/dice.ts'
import { judgeGenuine } from '../builders/expectations.ts'
import { readGenuine } from '../builders/genuine-documents.ts'
import { openOtherX509 } from '../builders/other-x509.ts'
import { describeWithShared } from '../builders/shared-data.ts'

const MUTATIONS_PER_DOCUMENT = 25
const TEST_MS_MAX = 60_000
const SEED = 384
const POINT_BYTES = 97
const foreign = new Decoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false })

let other: Awaited<ReturnType<typeof openOtherX509>>

type Parts = readonly [header: Uint8Array, unprotected: unknown, payload: Uint8Array, signature: Uint8Array]

/** Whether cbor-x, OpenSSL and @peculiar/x509 together find nothing wrong: certificates at the document's own time. */
function secondOpinion(document: Uint8Array): boolean {
  try {
    const [header, , payload, signature] = foreign.decode(document) as Parts
    const fields = foreign.decode(payload) as ReadonlyMap<string, unknown>
    const ders = [...(fields.get('cabundle') as Uint8Array[]), fields.get('certificate') as Uint8Array]
    const root = createHash('sha256')
      .update(ders[0] ?? '')
      .digest('hex')
    const chain = ders.map((der) => new X509Certificate(der))
    for (const der of ders) new other.X509Certificate(der)
    const at = Number(fields.get('timestamp'))
    const isValid = chain.every((certificate, index) => {
      const issuer = chain[Math.max(index - 1, 0)] ?? certificate
      const isNow = certificate.validFromDate.getTime() <= at && at <= certificate.validToDate.getTime()
      return isNow && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
    })
    const leaf = chain.at(-1)
    if (`0x${root}` !== AWS_NITRO_ROOT || !isValid || leaf === undefined) return false
    const signed = encodeSigned(header, payload)
    return verify('sha384', signed, { key: leaf.publicKey, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    // Whatever stops another reader is its refusal.
    return false
  }
}

function encodeSigned(header: Uint8Array, payload: Uint8Array): Buffer {
  const sized = (bytes: Uint8Array): Buffer => {
    const { length } = bytes
    const head = length < 24 ? [0x40 | length] : length < 256 ? [0x58, length] : [0x59, length >> 8, length & 0xff]
    return Buffer.concat([Buffer.from(head), bytes])
  }
  return Buffer.concat([Buffer.from('846a5369676e617475726531', 'hex'), sized(header), Buffer.of(0x40), sized(payload)])
}

function chainOf(document: Uint8Array): readonly Uint8Array[] {
  const { cabundle, certificate } = readPayload(readEnvelope(document).payload)
  return [...cabundle, certificate]
}

/** What we read of a certificate, as others name it. */
function agrees(ours: Certificate, der: Uint8Array): void {
  const node = new X509Certificate(der)
  expect(node.raw.length, 'no byte behind it').to.equal(der.length)
  expect(BigInt(`0x${node.serialNumber}`)).to.equal(BigInt(ours.serial === '0x' ? '0x0' : ours.serial))
  expect(node.validFromDate.getTime()).to.equal(ours.notBeforeMs)
  expect(node.validToDate.getTime()).to.equal(ours.notAfterMs)
  // OpenSSL also looks at the rights of the key, and into extensions that we pass over since they are not critical.
  if (node.ca) expect(ours.isCa).to.equal(true)
  const second = new other.X509Certificate(der)
  expect(second.notBefore.getTime()).to.equal(ours.notBeforeMs)
  expect(second.notAfter.getTime()).to.equal(ours.notAfterMs)
  const constraints = second.getExtension(other.BasicConstraintsExtension)
  expect(constraints?.ca ?? false).to.equal(ours.isCa)
  expect(constraints?.pathLength).to.equal(ours.pathLengthMax)
  const usages = second.getExtension(other.KeyUsagesExtension)?.usages ?? 0
  expect((usages & other.KeyUsageFlags.digitalSignature) !== 0).to.equal(ours.usage.digitalSignature)
  expect((usages & other.KeyUsageFlags.keyCertSign) !== 0).to.equal(ours.usage.certificateSigning)
  expect(toHex(new Uint8Array(second.publicKey.rawData).slice(-POINT_BYTES))).to.equal(toHex(ours.point))
}

function readOrNot(der: Uint8Array): Certificate | undefined {
  try {
    return readCertificate(der)
  } catch (error) {
    if (isCoded(error, 'ATTESTATION_CHAIN')) return undefined
    throw error
  }
}

/** Whether both others take it, to the inside of the extensions that we pass over. */
function othersRead(der: Uint8Array): boolean {
  try {
    expect(new other.X509Certificate(der).extensions.length).to.be.greaterThan(0)
    return new X509Certificate(der).publicKey.asymmetricKeyType === 'ec'
  } catch {
    // One that they do not take.
    return false
  }
}

describeWithShared('a second opinion on genuine documents', 'attestation', (folder) => {
  beforeEach(function () {
    this.currentTest?.timeout(TEST_MS_MAX)
  })
  const files = readGenuine(folder)
  const genuine = files.filter(({ file }) => file.startsWith('real/'))
  const archived = { mode: 'archived', nonce: 'unchecked', binding: 'unchecked', allowDebug: true } as const
  before(async () => {
    other = await openOtherX509()
    installFastP384()
  })
  after(installPureP384)

  it('agrees about every certificate: serial, dates, rights and key', () => {
    for (const { bytes } of genuine) for (const der of chainOf(bytes)) agrees(readCertificate(der), der)
  })

  it('agrees about who signed whom, and about who did not', () => {
    for (const { bytes } of genuine) {
      const ders = chainOf(bytes)
      const chain = ders.map((der) => ({ ours: readCertificate(der), node: new X509Certificate(der) }))
      for (const one of chain)
        for (const issuer of chain)
          expect(verifyP384(one.ours.tbs, one.ours.signature, issuer.ours.point)).to.equal(
            one.node.verify(issuer.node.publicKey),
          )
    }
  })

  it('never refuses a document that ours accepts', () => {
    for (const { bytes, measurement, file } of files)
      if (judgeGenuine(bytes, { ...archived, measurements: [measurement] }) === 'accepted')
        expect(secondOpinion(bytes), file).to.equal(true)
  })

  it('never refuses one that ours accepts among those with one byte changed, and accepts only other envelopes', () => {
    const dice = newDice(SEED)
    let acceptedByOthers = 0
    for (const { bytes, measurement, file } of genuine) {
      for (let count = 0; count < MUTATIONS_PER_DOCUMENT; count++) {
        const at = count < 12 ? count : dice.below(bytes.length)
        const changed = bytes.with(at, dice.below(256))
        const ours = judgeGenuine(changed, { ...archived, measurements: [measurement] })
        const theirs = secondOpinion(changed)
        if (theirs && changed[at] !== bytes[at]) acceptedByOthers++
        const isSame = changed[at] === bytes[at]
        expect(ours === 'accepted', `${file}, byte ${at} is ${changed[at]}: ${ours}`).to.equal(isSame)
        // What the signature does not cover is the envelope: there our one form is stricter than theirs.
        if (theirs && !isSame) expect(ours).to.equal('ATTESTATION_ENVELOPE')
      }
    }
    expect(acceptedByOthers, 'others read envelopes that ours does not').to.be.greaterThan(0)
  })

  it('reads the same where one byte of a certificate was changed and both still read it', () => {
    const dice = newDice(SEED)
    const [first] = genuine
    let read = 0
    for (const der of first === undefined ? [] : chainOf(first.bytes)) {
      for (let at = 0; at < der.length; at += 1 + dice.below(9)) {
        const changed = der.with(at, (der[at] ?? 0) ^ (1 + dice.below(255)))
        const ours = readOrNot(changed)
        if (ours === undefined || !othersRead(changed)) continue
        agrees(ours, changed)
        read++
      }
    }
    expect(read).to.be.greaterThan(100)
  })

  it('refuses keys off the curve as ours does, though the certificate can be read', () => {
    const [first] = genuine
    const der = first === undefined ? new Uint8Array(0) : (chainOf(first.bytes)[1] ?? new Uint8Array(0))
    const { point, tbs, signature } = readCertificate(der)
    const moved = point.with(96, (point[96] ?? 0) ^ 1)
    const spki = Buffer.concat([Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'), moved])
    expect(() => createPublicKey({ key: spki, format: 'der', type: 'spki' })).to.throw(Error)
    for (const install of [installFastP384, installPureP384]) {
      install()
      expect(verifyP384(tbs, signature, moved)).to.equal(false)
    }
  })
})
