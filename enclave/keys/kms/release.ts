/** Key release by KMS under attestation: what production uses. Called at boot and at rotation, never per request. */
import type { Duplex } from 'node:stream'
import { assert, CodedError, refuse } from '../../protocol/errors.ts'
import { fromHexOr, toHash } from '../../protocol/ids.ts'
import { type EncryptionContext, encryptionContext, type KeyContext, type KeyPurpose } from '../encryption-context.ts'
import type {
  AwsCredentials,
  GeneratedKeys,
  KeyRelease,
  ReleaseAccess,
  ReleasedKey,
  SignerRelease,
} from '../key-release.ts'
import { logKey } from '../log-key.ts'
import { addressOf, isPrivateKey } from '../secp256k1.ts'
import { drawPrivateKey, drawSecret, type Entropy } from '../session-key.ts'
import { type DataKey, type Kms, type KmsOptions, withKms } from './client.ts'
import { BLOB_BYTES_MAX, isEnvelope, openSealedKey, readEnvelope, sealKey } from './envelope.ts'

export type KmsReleaseOptions = KmsOptions & {
  readonly entropy: Entropy
  /** Opens a byte pipe to the parent's proxy at this port; the parent carries bytes to the endpoint of KMS. */
  readonly openPipe: (proxyPort: number) => Promise<Duplex>
}

/** Where the parent's vsock-proxy listens unless the request names another port. */
export const PROXY_PORT_DEFAULT = 8_000
const KEY_BYTES = 32

/** What the core's keys come from. Each call refuses as withKms does, and KMS_CREDENTIALS. */
export function openKmsRelease(options: KmsReleaseOptions): KeyRelease {
  return {
    keyId: options.terms.keyId,
    generateKeys: (context, access) => ask(options, access, (kms) => generateKeys(options, kms, context)),
    openKey: (context, purpose, ciphertext, access) => openKey(options, context, purpose, ciphertext, access),
  }
}

/** What a signer's key comes from: its own, or one that its owner brings. */
export function openKmsSignerRelease(options: KmsReleaseOptions): SignerRelease {
  return {
    keyId: options.terms.keyId,
    generateAuthority: (context, access) =>
      ask(options, access, (kms) => sealedDraw(options, kms, context, 'authority', drawPrivateKey(options.entropy))),
    openAuthority: (context, ciphertext, access) => openAuthority(options, context, ciphertext, access),
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
  const authority = await sealedDraw(options, kms, context, 'authority', drawPrivateKey(options.entropy))
  const stateKey = drawSecret(options.entropy, KEY_BYTES)
  const logPublicKey = toHash(logKey(stateKey).publicKey)
  return { ...authority, stateCiphertext: await sealed(options, kms, context, 'state', stateKey), logPublicKey }
}

async function sealedDraw(
  options: KmsReleaseOptions,
  kms: Kms,
  context: KeyContext,
  purpose: 'authority',
  key: Uint8Array,
): Promise<Pick<GeneratedKeys, 'address' | 'authorityCiphertext'>> {
  const address = addressOf(key)
  return { address, authorityCiphertext: await sealed(options, kms, context, purpose, key) }
}

/** The key under a data key of its own. Both are wiped, whatever comes of it. */
async function sealed(
  { entropy }: KmsReleaseOptions,
  kms: Kms,
  context: KeyContext,
  purpose: KeyPurpose,
  key: Uint8Array,
): Promise<Uint8Array> {
  const bound = encryptionContext(context, purpose)
  try {
    return sealedUnder(await kms.generateDataKey(bound), key, bound, entropy)
  } finally {
    key.fill(0)
  }
}

function sealedUnder(dataKey: DataKey, key: Uint8Array, bound: EncryptionContext, entropy: Entropy): Uint8Array {
  try {
    return sealKey(key, dataKey, bound, entropy)
  } finally {
    dataKey.plaintext.fill(0)
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

/** KMS writes version 1 first as well, so the form is told by the whole: nothing but an envelope has just its length. */
async function openAuthority(
  options: KmsReleaseOptions,
  context: KeyContext,
  ciphertext: Uint8Array,
  access: ReleaseAccess,
): Promise<ReleasedKey> {
  assert(context.role === 'signer', 'only a signer imports a key')
  if (isEnvelope(ciphertext))
    return { key: await openKey(options, context, 'authority', ciphertext, access), imported: false }
  return { key: await openImported(options, context, ciphertext, access), imported: true }
}

/**
 * No tag of ours stands behind these bytes, and whoever may call kms:Encrypt under this context chose them; a data key of
 * KMS opens here too. That it is the right key, only its address tells, which the signer demands [N22].
 */
async function openImported(
  options: KmsReleaseOptions,
  context: KeyContext,
  ciphertext: Uint8Array,
  access: ReleaseAccess,
): Promise<Uint8Array> {
  if (ciphertext.length === 0 || ciphertext.length > BLOB_BYTES_MAX)
    refuse('KEY_CIPHERTEXT', `a CiphertextBlob of 1 to ${BLOB_BYTES_MAX} bytes`, ciphertext.length)
  const bound = encryptionContext(context, 'authority')
  const plaintext = await ask(options, access, (kms) => kms.decrypt(ciphertext, bound))
  try {
    return importedKey(plaintext)
  } finally {
    plaintext.fill(0)
  }
}

/** 32 bytes as they are, or 66 characters: 0x and hex. */
function importedKey(plaintext: Uint8Array): Uint8Array {
  const key =
    plaintext.length === KEY_BYTES ? Uint8Array.from(plaintext) : fromHexOr(Buffer.from(plaintext).toString('latin1'))
  if (key?.length !== KEY_BYTES || !isPrivateKey(key))
    refuse('KEY_CIPHERTEXT', 'a private key of 32 bytes or as 0x-hex text', 'other bytes')
  return key
}
