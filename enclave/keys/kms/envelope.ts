/**
 * What the host keeps of a long-lived key: the key, sealed under a data key of KMS, beside that data key as KMS encrypted
 * it. KMS has no Encrypt under attestation, so the sealing is ours.
 *
 *   version 1 ‖ length 2 ‖ CiphertextBlob ‖ IV 12 ‖ encrypted key 32 ‖ tag 16          AAD: the encryption context
 *
 * The tag is the known-answer check of key release: a data key that the host made opens nothing [N21], and one of another
 * purpose or key version does not stand in for this one [N22].
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { encodeCbor } from '../../protocol/cbor.ts'
import { assert, CodedError } from '../../protocol/errors.ts'
import { concatBytes } from '../../protocol/words.ts'
import type { EncryptionContext } from '../encryption-context.ts'
import type { Entropy } from '../session-key.ts'

/** KMS's own limit of a CiphertextBlob. */
export const BLOB_BYTES_MAX = 6_144

const CIPHER = 'aes-256-gcm'
const FORMAT_VERSION = 1
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16
const LENGTH_AT = 1
const BLOB_AT = 3
const SEALED_BYTES = IV_BYTES + KEY_BYTES + TAG_BYTES

export type KeyEnvelope = {
  /** The data key as KMS encrypted it. */
  readonly blob: Uint8Array
  readonly iv: Uint8Array
  readonly encryptedKey: Uint8Array
  readonly tag: Uint8Array
}

/** Seals `key` (32 bytes) under `dataKey`. Both stay the caller's to wipe. */
export function sealKey(
  key: Uint8Array,
  dataKey: { readonly plaintext: Uint8Array; readonly blob: Uint8Array },
  context: EncryptionContext,
  entropy: Entropy,
): Uint8Array {
  const { plaintext, blob } = dataKey
  assert(key.length === KEY_BYTES && plaintext.length === KEY_BYTES, 'a key and a data key have 32 bytes')
  assert(blob.length > 0 && blob.length <= BLOB_BYTES_MAX, 'a data key has a CiphertextBlob within its limit')
  const iv = entropy(IV_BYTES)
  const cipher = createCipheriv(CIPHER, plaintext, iv, { authTagLength: TAG_BYTES }).setAAD(encodeCbor(context))
  const body = concatBytes(cipher.update(key), cipher.final())
  const head = Uint8Array.of(FORMAT_VERSION, blob.length >> 8, blob.length & 0xff)
  return concatBytes(head, blob, iv, body, cipher.getAuthTag())
}

/** True for bytes of the length that their own head gives: nothing that KMS writes itself has it. */
export function isEnvelope(bytes: Uint8Array): boolean {
  return bytes[0] === FORMAT_VERSION && bytes.length === BLOB_AT + blobBytesOf(bytes) + SEALED_BYTES
}

/** The parts of an envelope. Refuses KEY_CIPHERTEXT before KMS is asked for anything. */
export function readEnvelope(bytes: Uint8Array): KeyEnvelope {
  if (bytes[0] !== FORMAT_VERSION) refuseCiphertext(`version ${FORMAT_VERSION}`, `${bytes[0] ?? 'nothing'}`)
  const blobBytes = blobBytesOf(bytes)
  if (blobBytes === 0 || blobBytes > BLOB_BYTES_MAX)
    refuseCiphertext(`a CiphertextBlob of 1 to ${BLOB_BYTES_MAX} bytes`, `${blobBytes}`)
  const size = BLOB_AT + blobBytes + SEALED_BYTES
  if (bytes.length !== size) refuseCiphertext(`${size} bytes`, `${bytes.length}`)
  const ivAt = BLOB_AT + blobBytes
  const keyAt = ivAt + IV_BYTES
  const tagAt = keyAt + KEY_BYTES
  return {
    blob: bytes.subarray(BLOB_AT, ivAt),
    iv: bytes.subarray(ivAt, keyAt),
    encryptedKey: bytes.subarray(keyAt, tagAt),
    tag: bytes.subarray(tagAt),
  }
}

function blobBytesOf(bytes: Uint8Array): number {
  return (bytes[LENGTH_AT] ?? 0) * 256 + (bytes[LENGTH_AT + 1] ?? 0)
}

/** The key. Refuses KEY_CIPHERTEXT when it was sealed under another data key or context, or a bit differs. */
export function openSealedKey(envelope: KeyEnvelope, dataKey: Uint8Array, context: EncryptionContext): Uint8Array {
  const { iv, encryptedKey, tag } = envelope
  if (dataKey.length !== KEY_BYTES) refuseCiphertext(`a data key of ${KEY_BYTES} bytes`, `${dataKey.length}`)
  const decipher = createDecipheriv(CIPHER, dataKey, iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(encodeCbor(context)).setAuthTag(tag)
  const opened = decipher.update(encryptedKey)
  const key = Uint8Array.from(opened)
  opened.fill(0)
  try {
    decipher.final()
    return key
  } catch (cause) {
    key.fill(0)
    throw notThisKey(context, cause)
  }
}

function notThisKey({ role, purpose, keyVersion }: EncryptionContext, cause: unknown): CodedError {
  const expected = `expected the ${purpose} key of role ${role}, version ${keyVersion}, of this ledger and configuration`
  return new CodedError('KEY_CIPHERTEXT', `${expected}, got one that does not authenticate`, { cause })
}

function refuseCiphertext(expected: string, got: string): never {
  throw new CodedError('KEY_CIPHERTEXT', `expected a key ciphertext of ${expected}, got ${got}`)
}
