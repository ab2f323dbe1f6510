/**
 * CiphertextForRecipient: CMS EnvelopedData (RFC 5652) for one recipient, RSAES-OAEP with SHA-256 around an AES-256-CBC
 * key. WARNING: anyone who knows the recipient's public key can make one, and the host does. What opens here is what KMS
 * said only because it came through TLS that ends inside [N21], and CBC carries no integrity of its own.
 */
import { constants, createDecipheriv, createHash, type KeyObject, privateDecrypt } from 'node:crypto'
import { CodedError } from '../../protocol/errors.ts'
import { bytesEqual, concatBytes } from '../../protocol/words.ts'
import { type BerElement, readBer } from './ber.ts'

/** The RSA-2048 key of this boot: its public half stands in the attestation document. */
export type RecipientKey = { readonly privateKey: KeyObject; readonly publicKeySpki: Uint8Array }

const TAGS = {
  integer: 0x02,
  octets: 0x04,
  nothing: 0x05,
  identifier: 0x06,
  sequence: 0x30,
  set: 0x31,
  primitive0: 0x80,
  constructed0: 0xa0,
  constructed1: 0xa1,
} as const

/** Object identifiers as X.690 writes them. */
const ENVELOPED_DATA = fromHexText('2a864886f70d010703')
const DATA = fromHexText('2a864886f70d010701')
const RSAES_OAEP = fromHexText('2a864886f70d010107')
const MGF1 = fromHexText('2a864886f70d010108')
const SHA_256 = fromHexText('608648016503040201')
const AES_256_CBC = fromHexText('60864801650304012a')

const VERSION = Uint8Array.of(2)
const KEY_IDENTIFIER_BYTES = 32
const WRAPPED_KEY_BYTES = 256
const KEY_BYTES = 32
const BLOCK_BYTES = 16
/** A key, or one as text in hex: nothing longer is asked for. */
const CIPHERTEXT_BYTES_MAX = 128

type Envelope = { readonly wrappedKey: Uint8Array; readonly iv: Uint8Array; readonly ciphertext: Uint8Array }

/** What the envelope holds; the caller wipes it. Refuses KMS_ENVELOPE. */
export function openEnvelope(bytes: Uint8Array, recipient: RecipientKey): Uint8Array {
  const { wrappedKey, iv, ciphertext } = readEnvelope(bytes, recipient.publicKeySpki)
  // One refusal for a wrong key and a wrong padding: the two told apart would be an oracle.
  const plaintext = decrypted(recipient.privateKey, wrappedKey, iv, ciphertext)
  if (plaintext === undefined) refuseEnvelope('one that the key of this boot opens', 'another')
  return plaintext
}

function readEnvelope(bytes: Uint8Array, publicKeySpki: Uint8Array): Envelope {
  const [type, wrapped] = children(readBer(bytes), TAGS.sequence, 2, 'ContentInfo')
  sameBytes(type, TAGS.identifier, ENVELOPED_DATA, 'envelopedData')
  const [enveloped] = children(wrapped, TAGS.constructed0, 1, 'content')
  const [version, recipients, encrypted] = children(enveloped, TAGS.sequence, 3, 'EnvelopedData')
  sameBytes(version, TAGS.integer, VERSION, 'version 2 of EnvelopedData')
  const [recipient] = children(recipients, TAGS.set, 1, 'the set of one recipient')
  return { wrappedKey: readRecipient(recipient, publicKeySpki), ...readEncrypted(encrypted) }
}

/** The encrypted key of the one recipient, which must be this boot. */
function readRecipient(recipient: BerElement | undefined, publicKeySpki: Uint8Array): Uint8Array {
  const [version, keyId, algorithm, key] = children(recipient, TAGS.sequence, 4, 'KeyTransRecipientInfo')
  sameBytes(version, TAGS.integer, VERSION, 'version 2 of the recipient')
  const named = leaf(keyId, TAGS.primitive0, KEY_IDENTIFIER_BYTES, 'subjectKeyIdentifier')
  const own = createHash('sha256').update(publicKeySpki).digest()
  if (!bytesEqual(named, own)) refuseEnvelope('the key of this boot as recipient', 'another')
  const [name, parameters] = children(algorithm, TAGS.sequence, 2, 'the algorithm of the key')
  sameBytes(name, TAGS.identifier, RSAES_OAEP, 'RSAES-OAEP')
  readOaep(parameters)
  return leaf(key, TAGS.octets, WRAPPED_KEY_BYTES, 'encryptedKey')
}

/** SHA-256 twice, and no label. */
function readOaep(parameters: BerElement | undefined): void {
  const [hashed, masked] = children(parameters, TAGS.sequence, 2, 'the parameters of RSAES-OAEP')
  const [hash] = children(hashed, TAGS.constructed0, 1, 'hashAlgorithm')
  readSha256(hash)
  const [mask] = children(masked, TAGS.constructed1, 1, 'maskGenAlgorithm')
  const [name, inner] = children(mask, TAGS.sequence, 2, 'MGF1')
  sameBytes(name, TAGS.identifier, MGF1, 'MGF1')
  readSha256(inner)
}

/** RFC 4055 section 2.1: NULL parameters and none at all are the same algorithm. */
function readSha256(algorithm: BerElement | undefined): void {
  const size = algorithm?.elements?.length === 1 ? 1 : 2
  const [name, nothing] = children(algorithm, TAGS.sequence, size, 'SHA-256')
  sameBytes(name, TAGS.identifier, SHA_256, 'SHA-256')
  if (size === 2) leaf(nothing, TAGS.nothing, 0, 'NULL')
}

function readEncrypted(encrypted: BerElement | undefined): { iv: Uint8Array; ciphertext: Uint8Array } {
  const [type, algorithm, content] = children(encrypted, TAGS.sequence, 3, 'EncryptedContentInfo')
  sameBytes(type, TAGS.identifier, DATA, 'data')
  const [name, iv] = children(algorithm, TAGS.sequence, 2, 'the algorithm of the content')
  sameBytes(name, TAGS.identifier, AES_256_CBC, 'AES-256-CBC')
  return { iv: leaf(iv, TAGS.octets, BLOCK_BYTES, 'the IV'), ciphertext: readCiphertext(content) }
}

/** [0] with the bytes, or with them in parts. */
function readCiphertext(content: BerElement | undefined): Uint8Array {
  const parts = content?.tag === TAGS.constructed0 ? (content.elements ?? []) : undefined
  const ciphertext =
    parts === undefined
      ? leaf(content, TAGS.primitive0, undefined, 'the content')
      : concatBytes(...parts.map((part) => leaf(part, TAGS.octets, undefined, 'a part of the content')))
  const { length } = ciphertext
  if (length === 0 || length > CIPHERTEXT_BYTES_MAX || length % BLOCK_BYTES !== 0)
    refuseEnvelope(`1 to ${CIPHERTEXT_BYTES_MAX / BLOCK_BYTES} whole blocks of content`, `${length} bytes`)
  return ciphertext
}

function children(element: BerElement | undefined, tag: number, count: number, name: string): readonly BerElement[] {
  const elements = element?.tag === tag ? element.elements : undefined
  if (elements === undefined) refuseEnvelope(name, `tag ${element?.tag ?? 'none'}`)
  if (elements.length !== count) refuseEnvelope(`${name} of ${count} elements`, `${elements.length}`)
  return elements
}

function leaf(element: BerElement | undefined, tag: number, size: number | undefined, name: string): Uint8Array {
  if (element?.tag !== tag || element.elements !== undefined) refuseEnvelope(name, `tag ${element?.tag ?? 'none'}`)
  if (size !== undefined && element.bytes.length !== size)
    refuseEnvelope(`${name} of ${size} bytes`, `${element.bytes.length}`)
  return element.bytes
}

function sameBytes(element: BerElement | undefined, tag: number, expected: Uint8Array, name: string): void {
  if (!bytesEqual(leaf(element, tag, undefined, name), expected)) refuseEnvelope(name, 'another value')
}

function decrypted(
  privateKey: KeyObject,
  wrappedKey: Uint8Array,
  iv: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  const key = unwrapped(privateKey, wrappedKey)
  if (key === undefined) return undefined
  const decipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  const padded = decipher.update(ciphertext)
  decipher.final()
  key.fill(0)
  const plaintext = withoutPadding(padded)
  padded.fill(0)
  return plaintext
}

function unwrapped(key: KeyObject, wrappedKey: Uint8Array): Uint8Array | undefined {
  try {
    const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
    const opened = privateDecrypt(options, wrappedKey)
    if (opened.length === KEY_BYTES) return opened
    opened.fill(0)
  } catch {
    // Whatever OpenSSL says about it, the key of this boot does not open it.
  }
  return undefined
}

/** PKCS #7: n bytes of value n at the end, n from 1 to 16. Undefined for anything else, 0 and 17 included. */
function withoutPadding(padded: Uint8Array): Uint8Array | undefined {
  const size = padded.at(-1) as number
  if (size < 1 || size > BLOCK_BYTES) return undefined
  const end = padded.length - size
  // A copy: slice() of a Buffer is a view, which the caller's wiping would empty.
  return padded.subarray(end).every((byte) => byte === size) ? Uint8Array.from(padded.subarray(0, end)) : undefined
}

function fromHexText(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'))
}

function refuseEnvelope(expected: string, got: string): never {
  throw new CodedError('KMS_ENVELOPE', `expected ${expected} in CiphertextForRecipient, got ${got}`)
}
