/**
 * A stand-in for key release on a machine without a Nitro Enclave. WARNING: it protects nothing against the host. The
 * wrapping key is a file beside the ciphertexts, so whoever reads the disk has the authority and state keys. What it
 * keeps of the real thing is the binding: a ciphertext opens under the encryption context it was made for, and no other.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { encryptionContext, type KeyContext, type KeyPurpose } from '../keys/encryption-context.ts'
import type { GeneratedKeys } from '../keys/key-release.ts'
import { logKey } from '../keys/log-key.ts'
import { addressOf, isPrivateKey } from '../keys/secp256k1.ts'
import { drawPrivateKey, type Entropy } from '../keys/session-key.ts'
import { encodeCbor } from '../protocol/cbor.ts'
import { CodedError } from '../protocol/errors.ts'
import { toHash } from '../protocol/ids.ts'
import { concatBytes } from '../protocol/words.ts'
import { readWrappingKey } from './wrapping-key-file.ts'

/** A KeyRelease that answers at once, and lends nothing of the host's. */
export type DevelopmentKms = {
  readonly keyId: string
  readonly generateKeys: (context: KeyContext) => GeneratedKeys
  readonly openKey: (context: KeyContext, purpose: KeyPurpose, ciphertext: Uint8Array) => Uint8Array
}

const KEY_ID = 'development'

const CIPHER = 'aes-256-gcm'
const FORMAT_VERSION = 1
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16
const IV_AT = 1
const KEY_AT = IV_AT + IV_BYTES
const TAG_AT = KEY_AT + KEY_BYTES
/** version 1 ‖ IV 12 ‖ encrypted key 32 ‖ tag 16. */
const CIPHERTEXT_BYTES = TAG_AT + TAG_BYTES

/** Key release under the wrapping key in `path`, which is made on first use. Refuses CONFIG_INVALID for a bad file. */
export function openDevelopmentKms(path: string, entropy: Entropy): DevelopmentKms {
  const wrappingKey = readWrappingKey(path, entropy)
  return {
    keyId: KEY_ID,
    generateKeys: (context) => generateKeys(wrappingKey, entropy, context),
    openKey: (context, purpose, ciphertext) =>
      unwrap(wrappingKey, associatedData(context, purpose), purpose, ciphertext),
  }
}

function generateKeys(wrappingKey: Uint8Array, entropy: Entropy, context: KeyContext): GeneratedKeys {
  const authorityKey = drawPrivateKey(entropy)
  const stateKey = Uint8Array.from(entropy(KEY_BYTES))
  const generated = {
    address: addressOf(authorityKey),
    authorityCiphertext: wrap(wrappingKey, entropy, associatedData(context, 'authority'), authorityKey),
    stateCiphertext: wrap(wrappingKey, entropy, associatedData(context, 'state'), stateKey),
    logPublicKey: toHash(logKey(stateKey).publicKey),
  }
  authorityKey.fill(0)
  stateKey.fill(0)
  return generated
}

function associatedData(context: KeyContext, purpose: KeyPurpose): Uint8Array {
  return encodeCbor(encryptionContext(context, purpose))
}

function wrap(wrappingKey: Uint8Array, entropy: Entropy, aad: Uint8Array, key: Uint8Array): Uint8Array {
  const iv = entropy(IV_BYTES)
  const cipher = createCipheriv(CIPHER, wrappingKey, iv, { authTagLength: TAG_BYTES }).setAAD(aad)
  const body = concatBytes(cipher.update(key), cipher.final())
  return concatBytes(Uint8Array.of(FORMAT_VERSION), iv, body, cipher.getAuthTag())
}

function unwrap(wrappingKey: Uint8Array, aad: Uint8Array, purpose: KeyPurpose, ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length !== CIPHERTEXT_BYTES || ciphertext[0] !== FORMAT_VERSION) {
    refuseCiphertext(purpose, `${ciphertext.length} bytes of version ${ciphertext[0] ?? 'none'}`)
  }
  const iv = ciphertext.subarray(IV_AT, KEY_AT)
  const decipher = createDecipheriv(CIPHER, wrappingKey, iv, { authTagLength: TAG_BYTES }).setAAD(aad)
  decipher.setAuthTag(ciphertext.subarray(TAG_AT))
  const key = new Uint8Array(decipher.update(ciphertext.subarray(KEY_AT, TAG_AT)))
  try {
    decipher.final()
  } catch (cause) {
    key.fill(0)
    refuseCiphertext(purpose, 'one that does not authenticate', cause)
  }
  if (purpose === 'authority' && !isPrivateKey(key)) refuseCiphertext(purpose, 'a value outside the curve')
  return key
}

function refuseCiphertext(purpose: KeyPurpose, got: string, cause?: unknown): never {
  const expected = `expected the ${purpose} ciphertext of this ledger, configuration, role and key version`
  throw new CodedError('KEY_CIPHERTEXT', `${expected}, got ${got}`, { cause })
}
