/** Key release by KMS under attestation: what production uses. Called at boot and at rotation, never per request. */
import type { Duplex } from 'node:stream'
import { assert, CodedError, refuse } from '../../protocol/errors.ts'
import { type Address, fromHexOr } from '../../protocol/ids.ts'
import { encryptionContext, type KeyContext, type KeyPurpose } from '../encryption-context.ts'
import type { AwsCredentials, GeneratedKeys, KeyRelease, ReleaseAccess } from '../key-release.ts'
import { addressOf, isPrivateKey } from '../secp256k1.ts'
import { drawPrivateKey, type Entropy } from '../session-key.ts'
import { type Kms, type KmsOptions, withKms } from './client.ts'
import { BLOB_BYTES_MAX, openSealedKey, readEnvelope, sealKey } from './envelope.ts'

export type KmsReleaseOptions = KmsOptions & {
  readonly entropy: Entropy
  /** Opens a byte pipe to the parent's proxy at this port; the parent carries bytes to the endpoint of KMS. */
  readonly openPipe: (proxyPort: number) => Promise<Duplex>
}

export type KmsRelease = KeyRelease & {
  /**
   * A signer's authority key that was made outside and encrypted by kms:Encrypt: 32 bytes, or the same as 0x-hex text.
   * Refuses KEY_CIPHERTEXT where KMS has other bytes, and KEY_ADDRESS for the key of another address. Core never imports
   * [F2, F12].
   */
  readonly openImported: (
    context: KeyContext,
    ciphertext: Uint8Array,
    expected: Address,
    access: ReleaseAccess,
  ) => Promise<Uint8Array>
}

/** Where the parent's vsock-proxy listens unless the request names another port. */
export const PROXY_PORT_DEFAULT = 8_000
const KEY_BYTES = 32

export function openKmsRelease(options: KmsReleaseOptions): KmsRelease {
  return {
    keyId: options.terms.keyId,
    generateKeys: (context, access) => ask(options, access, (kms) => generateKeys(options, kms, context)),
    openKey: (context, purpose, ciphertext, access) => openKey(options, context, purpose, ciphertext, access),
    openImported: (context, ciphertext, expected, access) =>
      openImported(options, context, ciphertext, expected, access),
  }
}

function ask<T>(options: KmsReleaseOptions, access: ReleaseAccess, use: (kms: Kms) => Promise<T>): Promise<T> {
  const { proxyPort = PROXY_PORT_DEFAULT } = access
  return withKms(options, credentialsOf(access), () => options.openPipe(proxyPort), use)
}

/** Without one the SDK would go and look for a credential of its own. */
function credentialsOf({ credentials }: ReleaseAccess): AwsCredentials {
  if (credentials === undefined)
    throw new CodedError('KMS_CREDENTIALS', 'expected aws_access_key_id and aws_secret_access_key, got not both')
  return credentials
}

/** A KMS that fails between the two leaves one ciphertext that nobody was told of, of a key that is wiped. */
async function generateKeys(options: KmsReleaseOptions, kms: Kms, context: KeyContext): Promise<GeneratedKeys> {
  const { entropy } = options
  const seal = async (purpose: KeyPurpose, key: Uint8Array): Promise<Uint8Array> => {
    const bound = encryptionContext(context, purpose)
    const dataKey = await kms.generateDataKey(bound)
    const sealed = sealKey(key, dataKey, bound, entropy)
    dataKey.plaintext.fill(0)
    return sealed
  }
  const authorityKey = drawPrivateKey(entropy)
  const stateKey = Uint8Array.from(entropy(KEY_BYTES))
  try {
    const authorityCiphertext = await seal('authority', authorityKey)
    const stateCiphertext = await seal('state', stateKey)
    return { address: addressOf(authorityKey), authorityCiphertext, stateCiphertext }
  } finally {
    authorityKey.fill(0)
    stateKey.fill(0)
  }
}

/** What the host kept is read before KMS is asked: bytes that cannot be an envelope cost no call. */
async function openKey(
  options: KmsReleaseOptions,
  context: KeyContext,
  purpose: KeyPurpose,
  ciphertext: Uint8Array,
  access: ReleaseAccess,
): Promise<Uint8Array> {
  const envelope = readEnvelope(ciphertext)
  const bound = encryptionContext(context, purpose)
  const dataKey = await ask(options, access, (kms) => kms.decrypt(envelope.blob, bound))
  try {
    const key = openSealedKey(envelope, dataKey, bound)
    if (purpose === 'authority' && !isPrivateKey(key)) refuse('KEY_CIPHERTEXT', 'a private key', 'other bytes')
    return key
  } finally {
    dataKey.fill(0)
  }
}

/**
 * No tag of ours stands behind these bytes, and whoever may call kms:Encrypt under this context chose them: the address
 * that the caller expects is what makes them the right ones [N22].
 */
async function openImported(
  options: KmsReleaseOptions,
  context: KeyContext,
  ciphertext: Uint8Array,
  expected: Address,
  access: ReleaseAccess,
): Promise<Uint8Array> {
  assert(context.role === 'signer', 'only a signer imports a key')
  if (ciphertext.length === 0 || ciphertext.length > BLOB_BYTES_MAX)
    refuse('KEY_CIPHERTEXT', `a CiphertextBlob of 1 to ${BLOB_BYTES_MAX} bytes`, ciphertext.length)
  const bound = encryptionContext(context, 'authority')
  const plaintext = await ask(options, access, (kms) => kms.decrypt(ciphertext, bound))
  const key = importedKey(plaintext)
  plaintext.fill(0)
  const address = addressOf(key)
  if (address !== expected) {
    key.fill(0)
    refuse('KEY_ADDRESS', expected, address)
  }
  return key
}

/** 32 bytes as they are, or 66 characters: 0x and hex. */
function importedKey(plaintext: Uint8Array): Uint8Array {
  const key = plaintext.length === KEY_BYTES ? plaintext.slice() : fromHexOr(Buffer.from(plaintext).toString('latin1'))
  if (key?.length !== KEY_BYTES || !isPrivateKey(key))
    refuse('KEY_CIPHERTEXT', 'a private key of 32 bytes or as 0x-hex text', 'other bytes')
  return key
}
