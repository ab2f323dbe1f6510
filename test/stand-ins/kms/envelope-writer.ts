/** CiphertextForRecipient as KMS writes it: indefinite lengths outside, definite ones inside. Every part can be said otherwise. */
import { constants, createCipheriv, createHash, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { concatBytes } from '../../../enclave/protocol/words.ts'

export type EnvelopeParts = {
  readonly type: Uint8Array
  readonly version: Uint8Array
  /** The whole content of the SET. */
  readonly recipients: Uint8Array
  readonly recipientVersion: Uint8Array
  readonly keyIdentifier: Uint8Array
  readonly keyAlgorithm: Uint8Array
  readonly encryptedKey: Uint8Array
  readonly contentType: Uint8Array
  readonly contentAlgorithm: Uint8Array
  readonly iv: Uint8Array
  /** The element with the ciphertext. */
  readonly content: Uint8Array
  readonly attributes: Uint8Array
}

export const IDS = {
  envelopedData: '2a864886f70d010703',
  signedData: '2a864886f70d010702',
  data: '2a864886f70d010701',
  rsaesOaep: '2a864886f70d010107',
  rsaEncryption: '2a864886f70d010101',
  mgf1: '2a864886f70d010108',
  sha1: '2b0e03021a',
  sha256: '608648016503040201',
  aes256Cbc: '60864801650304012a',
  aes128Cbc: '608648016503040102',
} as const

const KEY_BYTES = 32
const IV_BYTES = 16
const NOTHING = new Uint8Array(0)

/** An envelope for the key of this SPKI around the plaintext. */
export function writeEnvelope(
  publicKeySpki: Uint8Array,
  plaintext: Uint8Array,
  over: (honest: EnvelopeParts, key: Uint8Array) => Partial<EnvelopeParts> = () => ({}),
): Uint8Array {
  const key = randomBytes(KEY_BYTES)
  const honest = honestParts(publicKeySpki, plaintext, key)
  return assemble({ ...honest, ...over(honest, key) })
}

function honestParts(publicKeySpki: Uint8Array, plaintext: Uint8Array, key: Uint8Array): EnvelopeParts {
  const iv = new Uint8Array(randomBytes(IV_BYTES))
  return {
    type: id(IDS.envelopedData),
    version: tlv(0x02, Uint8Array.of(2)),
    recipients: NOTHING,
    recipientVersion: tlv(0x02, Uint8Array.of(2)),
    keyIdentifier: tlv(0x80, new Uint8Array(createHash('sha256').update(publicKeySpki).digest())),
    keyAlgorithm: oaep(sha256()),
    encryptedKey: tlv(0x04, wrapKey(publicKeySpki, key)),
    contentType: id(IDS.data),
    contentAlgorithm: id(IDS.aes256Cbc),
    iv: tlv(0x04, iv),
    content: indefinite(0xa0, tlv(0x04, encryptContent(key, iv, plaintext))),
    attributes: NOTHING,
  }
}

function assemble(parts: EnvelopeParts): Uint8Array {
  const recipient = recipientInfo(parts)
  const recipients = tlv(0x31, parts.recipients.length === 0 ? recipient : parts.recipients)
  const algorithm = tlv(0x30, parts.contentAlgorithm, parts.iv)
  const encrypted = indefinite(0x30, parts.contentType, algorithm, parts.content)
  const enveloped = indefinite(0x30, parts.version, recipients, encrypted, parts.attributes)
  return indefinite(0x30, parts.type, indefinite(0xa0, enveloped))
}

/** KeyTransRecipientInfo. */
export function recipientInfo(parts: EnvelopeParts): Uint8Array {
  return tlv(0x30, parts.recipientVersion, parts.keyIdentifier, parts.keyAlgorithm, parts.encryptedKey)
}

export function wrapKey(publicKeySpki: Uint8Array, key: Uint8Array, oaepHash = 'sha256'): Uint8Array {
  const publicKey = createPublicKey({ key: Buffer.from(publicKeySpki), format: 'der', type: 'spki' })
  return new Uint8Array(publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, key))
}

/** AES-256-CBC with the padding of PKCS #7, or over blocks that are padded already. */
export function encryptContent(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array, padding = true): Uint8Array {
  const cipher = createCipheriv('aes-256-cbc', key, iv).setAutoPadding(padding)
  return concatBytes(cipher.update(plaintext), cipher.final())
}

/** RSAES-OAEP with this hash and MGF1 over the same. */
export function oaep(hash: Uint8Array, maskHash = hash): Uint8Array {
  const mask = tlv(0x30, id(IDS.mgf1), maskHash)
  return tlv(0x30, id(IDS.rsaesOaep), tlv(0x30, tlv(0xa0, hash), tlv(0xa1, mask)))
}

export function sha256(parameters = tlv(0x05)): Uint8Array {
  return tlv(0x30, id(IDS.sha256), parameters)
}

/** An object identifier, given as the hex of its content. */
export function id(content: string): Uint8Array {
  return tlv(0x06, Uint8Array.from(Buffer.from(content, 'hex')))
}

export function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts)
  return concatBytes(Uint8Array.of(tag), lengthOf(content.length), content)
}

export function indefinite(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(Uint8Array.of(tag, 0x80), ...parts, Uint8Array.of(0, 0))
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  return length < 0x100 ? Uint8Array.of(0x81, length) : Uint8Array.of(0x82, length >> 8, length & 0xff)
}
