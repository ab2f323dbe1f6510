/**
 * The chain from the pinned root to the key that signed the document, in that order and no other [N3, N14, N17]. No chain
 * is remembered between documents, so none can outlive its certificates [N9].
 */
import { CodedError, refuse } from '../errors.ts'
import { sha256 } from '../hash.ts'
import { type Hash, type Hex, toHash, toHex } from '../ids.ts'
import { bytesEqual } from '../words.ts'
import { type Certificate, readCertificate } from './certificate.ts'
import { verifyP384 } from './p384.ts'
import type { Document } from './payload.ts'

/**
 * A certificate that counts no more. Known by issuer and serial, which its issuer signed: the hash of a certificate has a
 * twin for every signature (r, n − s).
 */
export type RevokedCertificate = {
  /** DER of the issuer's name. */
  readonly issuer: Hex
  readonly serial: Hex
}

/** From the root to the leaf. */
export type Chain = readonly [Certificate, ...Certificate[]]

/**
 * Refuses ATTESTATION_ROOT unless SHA-256 of `cabundle[0]` is `rootPin`, ATTESTATION_CHAIN for a certificate that is
 * malformed, out of order, not signed by the one before or beyond its rights, and ATTESTATION_REVOKED.
 */
export function checkChain(document: Document, rootPin: Hash, revoked: readonly RevokedCertificate[]): Chain {
  const [root, ...others] = document.cabundle
  const pin = root === undefined ? 'no certificate' : toHash(sha256(root))
  if (root === undefined || pin !== rootPin) throw new CodedError('ATTESTATION_ROOT', `expected ${rootPin}, got ${pin}`)
  const chain: Chain = [readCertificate(root), ...others.map(readCertificate), readCertificate(document.certificate)]
  for (const [at, certificate] of chain.entries()) {
    checkIssuer(certificate, chain[Math.max(at - 1, 0)] as Certificate, at)
    if (at === chain.length - 1) checkLeaf(certificate)
    else checkCa(certificate, at, chain.length - 2 - at)
    checkRevoked(certificate, revoked)
  }
  return chain
}

/** The key that signs documents: of the last certificate. */
export function leafOf(chain: Chain): Certificate {
  return chain[chain.length - 1] as Certificate
}

function checkIssuer(certificate: Certificate, issuer: Certificate, at: number): void {
  if (!bytesEqual(certificate.issuer, issuer.subject))
    refuse('ATTESTATION_CHAIN', `certificate ${at} by the one before`, 'another issuer')
  if (!verifyP384(certificate.tbs, certificate.signature, issuer.point))
    refuse('ATTESTATION_CHAIN', `certificate ${at} signed by the one before`, 'another signature')
}

function checkCa({ isCa, usage, pathLengthMax }: Certificate, at: number, casAfter: number): void {
  if (!isCa || !usage.certificateSigning) refuse('ATTESTATION_CHAIN', `a CA as certificate ${at}`, 'one that is none')
  if (pathLengthMax !== undefined && casAfter > pathLengthMax)
    refuse('ATTESTATION_CHAIN', `at most ${pathLengthMax} CAs after certificate ${at}`, `${casAfter}`)
}

function checkLeaf({ isCa, usage }: Certificate): void {
  if (isCa || usage.certificateSigning) refuse('ATTESTATION_CHAIN', 'a last certificate that certifies none', 'a CA')
  if (!usage.digitalSignature) refuse('ATTESTATION_CHAIN', 'a last certificate that signs', 'one that may not')
}

function checkRevoked(certificate: Certificate, revoked: readonly RevokedCertificate[]): void {
  const name = nameOf({ issuer: toHex(certificate.issuer), serial: certificate.serial })
  if (revoked.some((entry) => nameOf(entry) === name))
    refuse('ATTESTATION_REVOKED', 'certificates that count', `serial ${certificate.serial}`)
}

/** Others print serials with their leading zeros, or in upper case: a spelling must not bring a certificate back. */
function nameOf({ issuer, serial }: RevokedCertificate): string {
  return `${issuer} ${serial.replace(/^0x(?:00)+(?=..)/, '0x')}`.toLowerCase()
}

/** Refuses ATTESTATION_EXPIRED unless every certificate is valid at `atMs`. */
export function checkValidity(chain: Chain, atMs: number): void {
  for (const [at, { notBeforeMs, notAfterMs }] of chain.entries()) {
    if (atMs >= notBeforeMs && atMs <= notAfterMs) continue
    refuse('ATTESTATION_EXPIRED', `certificate ${at} valid at ${atMs} ms`, `${notBeforeMs} to ${notAfterMs} ms`)
  }
}
