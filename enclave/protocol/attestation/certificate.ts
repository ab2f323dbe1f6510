/**
 * X.509 as Nitro uses it: v3, P-384, ecdsa-with-SHA384. Readers made for TLS check neither what a key may be used for nor
 * how long a chain may grow, and drop what follows the DER; ours refuses whatever it has no rule for [N14].
 */
import { type Hex, toHex } from '../ids.ts'
import { bytesEqual } from '../words.ts'
import {
  type BitString,
  BOOLEAN,
  contentBytes,
  type DerReader,
  expectDone,
  hasMore,
  INTEGER,
  malformed,
  newDerReader,
  nextTag,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  readBitString,
  readElement,
  readSequence,
  readSmall,
  readTimeMs,
  readTrue,
  readUnsigned,
  SEQUENCE,
} from './der.ts'
import { P384_POINT_BYTES, SHA384_BYTES } from './p384.ts'

export type Certificate = {
  /** What the issuer signed. */
  readonly tbs: Uint8Array
  /** r‖s. */
  readonly signature: Uint8Array
  /** Names as DER: equal means equal bytes. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly serial: Hex
  readonly notBeforeMs: number
  /** The last moment at which it is valid. */
  readonly notAfterMs: number
  /** 04‖x‖y. */
  readonly point: Uint8Array
  readonly isCa: boolean
  /** How many CAs may follow; undefined without a limit. */
  readonly pathLengthMax: number | undefined
  readonly usage: KeyUsage
}

export type KeyUsage = { readonly digitalSignature: boolean; readonly certificateSigning: boolean }

const VERSION_TAG = 0xa0
const EXTENSIONS_TAG = 0xa3
const VERSION_3 = 2
/** RFC 5280 allows 20; a random one of 20 may come with the zero that keeps it positive. */
const SERIAL_BYTES_MAX = 20
const EXTENSIONS_MAX = 16

/** DER of the sequence { ecdsa-with-SHA384, 1.2.840.10045.4.3.3 }. */
const ECDSA_WITH_SHA384 = Uint8Array.of(0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03)
/** DER of the sequence { id-ecPublicKey, 1.2.840.10045.2.1; secp384r1, 1.3.132.0.34 }. */
const EC_KEY_ON_P384 = Uint8Array.of(
  ...[0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
  ...[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
)
const UNCOMPRESSED = 0x04
/** Contents of the identifiers 2.5.29.15 and 2.5.29.19. */
const KEY_USAGE = '0x551d0f'
const BASIC_CONSTRAINTS = '0x551d13'
const DIGITAL_SIGNATURE = 0x80
const KEY_CERT_SIGN = 0x04

/** Refuses ATTESTATION_CHAIN. Nothing in it is believed before its issuer's signature was checked. */
export function readCertificate(der: Uint8Array): Certificate {
  const reader = newDerReader(der)
  const certificate = readSequence(reader, 'a certificate', readSigned)
  expectDone(reader, 'the certificate')
  return certificate
}

function readSigned(reader: DerReader): Certificate {
  const { whole: tbs, content } = readElement(reader, SEQUENCE, 'tbsCertificate')
  const fields = readFields(content)
  expectDone(content, 'tbsCertificate')
  expectAlgorithm(reader, ECDSA_WITH_SHA384, 'ecdsa-with-SHA384')
  return {
    ...fields,
    tbs,
    signature: readSignature(wholeBytes(readBitString(reader, 'the signature'), 'the signature')),
  }
}

function readFields(reader: DerReader): Omit<Certificate, 'tbs' | 'signature'> {
  const version = readElement(reader, VERSION_TAG, 'the version').content
  if (readSmall(version, 'the version') !== VERSION_3) throw malformed('a certificate of version 3', 'another')
  expectDone(version, 'the version')
  const serial = readUnsigned(reader, 'the serial number')
  if (serial.length > SERIAL_BYTES_MAX) throw malformed(`a serial of ${SERIAL_BYTES_MAX} bytes`, `${serial.length}`)
  expectAlgorithm(reader, ECDSA_WITH_SHA384, 'ecdsa-with-SHA384')
  const issuer = readElement(reader, SEQUENCE, 'the issuer').whole
  const validity = readSequence(reader, 'the validity', readValidity)
  const subject = readElement(reader, SEQUENCE, 'the subject').whole
  const point = readSequence(reader, 'the public key', readPoint)
  return { serial: toHex(serial), issuer, ...validity, subject, point, ...readExtensions(reader) }
}

/** Algorithm and parameters as one string of bytes: another curve, a hash or a NULL in their place is another string. */
function expectAlgorithm(reader: DerReader, expected: Uint8Array, name: string): void {
  const found = readElement(reader, SEQUENCE, name).whole
  if (!bytesEqual(found, expected)) throw malformed(name, toHex(found).slice(0, 60))
}

function readValidity(reader: DerReader): Pick<Certificate, 'notBeforeMs' | 'notAfterMs'> {
  return { notBeforeMs: readTimeMs(reader, 'notBefore'), notAfterMs: readTimeMs(reader, 'notAfter') }
}

function readPoint(reader: DerReader): Uint8Array {
  expectAlgorithm(reader, EC_KEY_ON_P384, 'a key on secp384r1')
  const point = wholeBytes(readBitString(reader, 'the point'), 'the point')
  if (point.length !== P384_POINT_BYTES || point[0] !== UNCOMPRESSED)
    throw malformed(`an uncompressed point of ${P384_POINT_BYTES} bytes`, `${point.length} bytes`)
  return point
}

function wholeBytes({ bytes, unusedBits }: BitString, what: string): Uint8Array {
  if (unusedBits !== 0) throw malformed(`whole bytes as ${what}`, `${unusedBits} unused bits`)
  return bytes
}

/** r‖s out of the sequence of two integers. */
function readSignature(der: Uint8Array): Uint8Array {
  const reader = newDerReader(der)
  const parts = readSequence(reader, 'r and s', (inside) => [readUnsigned(inside, 'r'), readUnsigned(inside, 's')])
  expectDone(reader, 'the signature')
  const signature = new Uint8Array(2 * SHA384_BYTES)
  for (const [at, part] of parts.entries()) {
    if (part.length > SHA384_BYTES) throw malformed(`${SHA384_BYTES} bytes of r and of s`, `${part.length}`)
    signature.set(part, (at + 1) * SHA384_BYTES - part.length)
  }
  return signature
}

type Extensions = Pick<Certificate, 'isCa' | 'pathLengthMax' | 'usage'>

/** Unique identifiers of issuer and subject have no rule here and are refused with everything else that is not [3]. */
function readExtensions(reader: DerReader): Extensions {
  const found = new Map<string, DerReader>()
  if (hasMore(reader)) {
    const tagged = readElement(reader, EXTENSIONS_TAG, 'the extensions').content
    readSequence(tagged, 'the extensions', (inside) => collect(inside, found))
    expectDone(tagged, 'the extensions')
  }
  const constraints = found.get(BASIC_CONSTRAINTS)
  const usage = found.get(KEY_USAGE)
  return {
    ...(constraints === undefined ? { isCa: false, pathLengthMax: undefined } : readConstraints(constraints)),
    usage: usage === undefined ? { digitalSignature: false, certificateSigning: false } : readUsage(usage),
  }
}

function collect(reader: DerReader, found: Map<string, DerReader>): void {
  while (hasMore(reader)) {
    if (found.size === EXTENSIONS_MAX) throw malformed(`at most ${EXTENSIONS_MAX} extensions`, 'another one')
    readSequence(reader, 'an extension', (inside) => collectOne(inside, found))
  }
}

function collectOne(reader: DerReader, found: Map<string, DerReader>): void {
  const id = toHex(contentBytes(readElement(reader, OBJECT_IDENTIFIER, 'an identifier')))
  if (found.has(id)) throw malformed('each extension once', `${id} again`)
  const critical = nextTag(reader) === BOOLEAN && readTrue(reader, 'critical')
  if (critical && id !== KEY_USAGE && id !== BASIC_CONSTRAINTS)
    throw malformed('critical extensions that have a rule here', id)
  found.set(id, newDerReader(contentBytes(readElement(reader, OCTET_STRING, 'an extension'))))
}

function readConstraints(reader: DerReader): Pick<Certificate, 'isCa' | 'pathLengthMax'> {
  const constraints = readSequence(reader, 'basicConstraints', (inside) => {
    const isCa = nextTag(inside) === BOOLEAN && readTrue(inside, 'the CA flag')
    return { isCa, pathLengthMax: nextTag(inside) === INTEGER ? readSmall(inside, 'pathLen') : undefined }
  })
  expectDone(reader, 'basicConstraints')
  if (!constraints.isCa && constraints.pathLengthMax !== undefined) throw malformed('pathLen of a CA', 'one of no CA')
  return constraints
}

function readUsage(reader: DerReader): KeyUsage {
  const { bytes } = readBitString(reader, 'keyUsage')
  expectDone(reader, 'keyUsage')
  const first = bytes[0] ?? 0
  return { digitalSignature: (first & DIGITAL_SIGNATURE) !== 0, certificateSigning: (first & KEY_CERT_SIGN) !== 0 }
}
