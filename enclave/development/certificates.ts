/** X.509 v3 certificates over P-384, of the shape that AWS gives its own. Every part can be said otherwise: tests do. */
import { createHash, type KeyObject, sign } from 'node:crypto'
import { concatBytes } from '../protocol/words.ts'
import {
  bitString,
  explicit,
  identifier,
  implicit,
  integer,
  octets,
  printableText,
  sequence,
  set,
  time,
  truth,
  utf8Text,
} from './der-writer.ts'

/** Attributes in their order, by the short names below. */
export type Name = readonly (readonly [keyof typeof ATTRIBUTES, string])[]

export type Extension = { readonly id: string; readonly critical: boolean; readonly value: Uint8Array }

export type CertificatePlan = {
  /** 3 in honest certificates. */
  readonly version: number
  /** Big-endian bytes of a positive number. */
  readonly serial: Uint8Array
  readonly issuer: Name
  readonly subject: Name
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly publicKey: KeyObject
  readonly extensions: readonly Extension[]
  /** The hash under the issuer's signature: sha384 in honest certificates. */
  readonly hash: keyof typeof SIGNATURE_ALGORITHMS
}

export const EXTENSION_IDS = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  crlPoints: '2.5.29.31',
  authorityKeyIdentifier: '2.5.29.35',
} as const

/** Bits of KeyUsage, counted from the highest of the first byte (RFC 5280 section 4.2.1.3). */
export const KEY_USAGE_BITS = { digitalSignature: 0, nonRepudiation: 1, keyCertSign: 5, crlSign: 6 } as const
export type KeyUsage = keyof typeof KEY_USAGE_BITS

const ATTRIBUTES = { C: '2.5.4.6', ST: '2.5.4.8', L: '2.5.4.7', O: '2.5.4.10', OU: '2.5.4.11', CN: '2.5.4.3' } as const
const SIGNATURE_ALGORITHMS = { sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3' } as const
/** Bytes of an SPKI of P-384 in front of its point. */
const SPKI_HEAD_BYTES = 23

/** The certificate, signed by the issuer's key: DER. */
export function signCertificate(plan: CertificatePlan, issuerKey: KeyObject): Uint8Array {
  const body = toBeSigned(plan)
  const signature = new Uint8Array(sign(plan.hash, body, { key: issuerKey, dsaEncoding: 'der' }))
  return sequence(body, algorithmOf(plan), bitString(signature))
}

function toBeSigned(plan: CertificatePlan): Uint8Array {
  return sequence(
    explicit(0, integer(Uint8Array.of(plan.version - 1))),
    integer(plan.serial),
    algorithmOf(plan),
    nameOf(plan.issuer),
    sequence(time(plan.notBeforeMs), time(plan.notAfterMs)),
    nameOf(plan.subject),
    spkiOf(plan.publicKey),
    explicit(3, sequence(...plan.extensions.map(extensionOf))),
  )
}

function algorithmOf({ hash }: CertificatePlan): Uint8Array {
  return sequence(identifier(SIGNATURE_ALGORITHMS[hash]))
}

function nameOf(name: Name): Uint8Array {
  return sequence(
    ...name.map(([attribute, text]) =>
      set(sequence(identifier(ATTRIBUTES[attribute]), attribute === 'C' ? printableText(text) : utf8Text(text))),
    ),
  )
}

function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: 'spki', format: 'der' }))
}

function extensionOf({ id, critical, value }: Extension): Uint8Array {
  return sequence(identifier(id), ...(critical ? [truth()] : []), octets(value))
}

/** CA or not; a CA without `pathLengthMax` may have any number of CAs below it. */
export function basicConstraints(isAuthority: boolean, pathLengthMax?: number): Extension {
  const limit = pathLengthMax === undefined ? [] : [integer(Uint8Array.of(pathLengthMax))]
  const value = isAuthority ? sequence(truth(), ...limit) : sequence()
  return { id: EXTENSION_IDS.basicConstraints, critical: true, value }
}

export function keyUsage(usages: readonly KeyUsage[], critical: boolean): Extension {
  const bits = usages.reduce((byte, usage) => byte | (0x80 >> KEY_USAGE_BITS[usage]), 0)
  const lowest = Math.max(...usages.map((usage) => KEY_USAGE_BITS[usage]))
  return { id: EXTENSION_IDS.keyUsage, critical, value: bitString(Uint8Array.of(bits), 7 - lowest) }
}

export function subjectKeyIdentifier(key: KeyObject): Extension {
  return { id: EXTENSION_IDS.subjectKeyIdentifier, critical: false, value: octets(keyIdentifier(key)) }
}

export function authorityKeyIdentifier(key: KeyObject): Extension {
  const value = sequence(implicit(0, keyIdentifier(key)))
  return { id: EXTENSION_IDS.authorityKeyIdentifier, critical: false, value }
}

export function crlPoint(url: string): Extension {
  const name = implicit(6, new TextEncoder().encode(url))
  const value = sequence(sequence(explicit(0, explicit(0, name))))
  return { id: EXTENSION_IDS.crlPoints, critical: false, value }
}

/** SHA-1 over the bare point, as RFC 5280 section 4.2.1.2 has it: a name for a key, no protection. */
function keyIdentifier(key: KeyObject): Uint8Array {
  return new Uint8Array(createHash('sha1').update(spkiOf(key).subarray(SPKI_HEAD_BYTES)).digest())
}

/** A serial of `bytes` bytes: positive, its highest bit cleared, and never zero. */
export function serialFrom(random: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(((random[0] as number) & 0x7f) | 1), random.subarray(1))
}
