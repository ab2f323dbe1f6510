import { strict as assert } from 'node:assert'
import { p384 } from '@noble/curves/p384.js'
import { type Certificate, readCertificate } from '../../enclave/protocol/attestation/certificate.ts'
import { NonceBook } from '../../enclave/protocol/attestation/nonces.ts'
import { attestationDigestOf } from '../../enclave/protocol/attestation/user-data.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { DOCUMENT_AT_MS, honestChain, newTestAttester, twinOf } from '../builders/attestation.ts'
import { archivedFor, judge, liveFor } from '../builders/expectations.ts'

const SCALAR_BYTES = 48
const SEQUENCE = 0x30

describe('N10: a document that is shown twice under its two signatures', () => {
  const attester = newTestAttester()
  const nonce = new Uint8Array(32).fill(9)
  const nowMs = DOCUMENT_AT_MS

  it('counts once: the twin of a used document is a replay', () => {
    const book = new NonceBook({ noncesMax: 10, lifetimeMs: 60_000 })
    book.issue(nonce, nowMs)
    const document = attester.document({ nonce })
    const twin = twinOf(document)
    assert.notDeepEqual(twin, document)
    const once = liveFor(attester, { nowMs, nonce: book })
    assert.equal(judge(attester, document, once), 'accepted')
    assert.equal(judge(attester, document, once), 'ATTESTATION_REPLAY')
    assert.equal(judge(attester, twin, once), 'ATTESTATION_REPLAY')
    assert.equal(judge(attester, attester.document({ nonce }), once), 'ATTESTATION_REPLAY', 'a newer one as well')
  })

  it('does not lose its nonce to a document that is refused', () => {
    const book = new NonceBook({ noncesMax: 10, lifetimeMs: 60_000 })
    book.issue(nonce, nowMs)
    const once = liveFor(attester, { nowMs, nonce: book })
    const other = attester.document({ nonce, pcrs: new Map([[0, new Uint8Array(48).fill(7)]]) })
    assert.equal(judge(attester, other, once), 'ATTESTATION_MEASUREMENT')
    assert.equal(judge(attester, attester.document({ nonce }), once), 'accepted')
  })

  it('has one digest, over what was signed', () => {
    const document = attester.document()
    assert.equal(attestationDigestOf(twinOf(document)), attestationDigestOf(document))
    assert.notEqual(attestationDigestOf(attester.document({ nonce })), attestationDigestOf(document))
  })

  it('finds a certificate revoked under either of the signatures that it may carry', () => {
    let leaf = new Uint8Array(0)
    const asIssued = attester.document({
      chain: (issue) => {
        const chain = honestChain(issue)
        leaf = new Uint8Array(chain.leaf)
        return { ...chain, leaf: twinOfCertificate(readCertificate(leaf)) }
      },
    })
    const { issuer, serial } = readCertificate(leaf)
    assert.equal(judge(attester, asIssued, archivedFor(attester)), 'accepted', 'the twin verifies')
    const revoked = [{ issuer: toHex(issuer), serial }]
    assert.equal(judge(attester, asIssued, archivedFor(attester, { revoked })), 'ATTESTATION_REVOKED')
    const spelt = [{ issuer: `0x${toHex(issuer).slice(2).toUpperCase()}`, serial: `0x0000${serial.slice(2)}` }] as const
    assert.equal(judge(attester, asIssued, archivedFor(attester, { revoked: spelt })), 'ATTESTATION_REVOKED')
    const another = [{ issuer: toHex(issuer), serial: '0x01' as const }]
    assert.equal(judge(attester, asIssued, archivedFor(attester, { revoked: another })), 'accepted')
  })
})

/** The certificate under (r, n − s), written as DER. */
function twinOfCertificate({ tbs, signature }: Certificate): Uint8Array {
  const order = p384.CURVE.n
  const s = BigInt(toHex(signature.subarray(SCALAR_BYTES)))
  const twin = new Uint8Array(Buffer.from((order - s).toString(16).padStart(2 * SCALAR_BYTES, '0'), 'hex'))
  const pair = der(SEQUENCE, concatBytes(unsigned(signature.subarray(0, SCALAR_BYTES)), unsigned(twin)))
  const algorithm = Uint8Array.of(0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03)
  return der(SEQUENCE, concatBytes(tbs, algorithm, der(0x03, concatBytes(Uint8Array.of(0), pair))))
}

function unsigned(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0)
  const short = bytes.subarray(first)
  return der(0x02, (short[0] ?? 0) < 0x80 ? short : concatBytes(Uint8Array.of(0), short))
}

function der(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return concatBytes(Uint8Array.of(tag, ...size), content)
}
