/** What a file of a key ciphertext holds, in whichever of the forms an operator has it. */
import { parseStrictJson } from '../../enclave/protocol/strict-json.ts'

/** Of what provisioning keeps: version 1 ‖ length 2 ‖ the data key as KMS encrypted it ‖ IV 12 ‖ key 32 ‖ tag 16. */
const ENVELOPE_VERSION = 1
const LENGTH_AT = 1
const BLOB_AT = 3
const SEALED_BYTES = 60

/** The part that KMS encrypted: of keys.json, of a ciphertext of the enclave, or the whole of anything else. */
export function blobOf(file: Uint8Array): Uint8Array {
  const parsed = parseStrictJson(file)
  const kept = parsed.kind === 'object' ? parsed.value['ciphertext_b64'] : undefined
  const bytes = typeof kept === 'string' ? Buffer.from(kept, 'base64') : decoded(file)
  const blobBytes = (bytes[LENGTH_AT] ?? 0) * 256 + (bytes[LENGTH_AT + 1] ?? 0)
  const isEnvelope = bytes[0] === ENVELOPE_VERSION && bytes.length === BLOB_AT + blobBytes + SEALED_BYTES
  return isEnvelope ? bytes.subarray(BLOB_AT, BLOB_AT + blobBytes) : bytes
}

/** Bytes as they are, or as base64 text. Neither a ciphertext of KMS nor a document consists of base64's letters alone. */
export function decoded(file: Uint8Array): Uint8Array {
  const text = Buffer.from(file).toString('latin1').trim()
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : file
}
