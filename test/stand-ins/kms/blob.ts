/** What the stand-in calls a CiphertextBlob: opened by this key alone, under the context that it was made with. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { bytesEqual, concatBytes } from '../../../enclave/protocol/words.ts'

export type BlobContext = { readonly [name: string]: string }

/** How KMS's own begin, so that nothing tells a blob by its first byte. */
const HEAD = Uint8Array.of(0x01, 0x02, 0x02, 0x00, 0x78)
const KEY_NAME_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16
const IV_AT = HEAD.length + KEY_NAME_BYTES
const BODY_AT = IV_AT + IV_BYTES

export function writeBlob(
  masterKey: Uint8Array,
  keyId: string,
  context: BlobContext,
  plaintext: Uint8Array,
): Uint8Array {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', masterKey, iv).setAAD(contextBytes(context))
  const body = concatBytes(cipher.update(plaintext), cipher.final())
  return concatBytes(HEAD, keyName(keyId), iv, body, cipher.getAuthTag())
}

/** The plaintext, or KMS's name of the error. */
export function openBlob(
  masterKey: Uint8Array,
  keyId: string,
  context: BlobContext,
  blob: Uint8Array,
): Uint8Array | 'InvalidCiphertextException' | 'IncorrectKeyException' {
  if (blob.length < BODY_AT + TAG_BYTES || !bytesEqual(blob.subarray(0, HEAD.length), HEAD))
    return 'InvalidCiphertextException'
  if (!bytesEqual(blob.subarray(HEAD.length, IV_AT), keyName(keyId))) return 'IncorrectKeyException'
  const tagAt = blob.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', masterKey, blob.subarray(IV_AT, BODY_AT))
  decipher.setAAD(contextBytes(context)).setAuthTag(blob.subarray(tagAt))
  const plaintext = decipher.update(blob.subarray(BODY_AT, tagAt))
  try {
    decipher.final()
    return plaintext
  } catch {
    return 'InvalidCiphertextException'
  }
}

/** Pairs in the order of their names: the order of a request says nothing. */
function contextBytes(context: BlobContext): Uint8Array {
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([left], [right]) => (left < right ? -1 : 1))))
}

function keyName(keyId: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(keyId).digest())
}
