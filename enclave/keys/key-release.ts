/** Where an enclave's long-lived keys come from: KMS under attestation, or the stand-in of a development machine. */
import type { Address, Hash } from '../protocol/ids.ts'
import type { KeyContext, KeyPurpose } from './encryption-context.ts'

/** What the host lends for one release. It decides whether KMS answers, never what is believed. */
export type ReleaseAccess = {
  readonly credentials: AwsCredentials | undefined
  /** Vsock port of the parent's byte pipe to KMS. */
  readonly proxyPort: number | undefined
}

export type AwsCredentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
}

export type GeneratedKeys = {
  readonly address: Address
  readonly authorityCiphertext: Uint8Array
  readonly stateCiphertext: Uint8Array
  /** Of the log key that follows from the state key: a quorum has to name it before anybody can open that key. */
  readonly logPublicKey: Hash
}

/** A release that asks KMS answers later; one on this machine answers at once. */
export type Soon<T> = T | Promise<T>

export type KeyRelease = {
  /** Full ARN of the KMS key, or what the development release calls itself. */
  readonly keyId: string
  /** Draws an authority and a state key, returns their ciphertexts and what is public of them, and forgets them. */
  readonly generateKeys: (context: KeyContext, access: ReleaseAccess) => Soon<GeneratedKeys>
  /** The key of 32 bytes. Refuses KEY_CIPHERTEXT under another context or purpose, or when a byte differs. */
  readonly openKey: (
    context: KeyContext,
    purpose: KeyPurpose,
    ciphertext: Uint8Array,
    access: ReleaseAccess,
  ) => Soon<Uint8Array>
}

/** A key that was released, and whether its owner made it outside: then it was never only ours. */
export type ReleasedKey = { readonly key: Uint8Array; readonly imported: boolean }

/** What the role `signer` asks of a release: one key, drawn inside or brought by its owner. The core never imports [F2]. */
export type SignerRelease = Pick<KeyRelease, 'keyId'> & {
  /** Draws an authority key, returns its ciphertext and forgets it. */
  readonly generateAuthority: (
    context: KeyContext,
    access: ReleaseAccess,
  ) => Soon<Pick<GeneratedKeys, 'address' | 'authorityCiphertext'>>
  /**
   * The authority key, out of what generateAuthority gave or out of a ciphertext that the owner had KMS make of the 32
   * bytes or their 0x-hex text, under this same context. Refuses KEY_CIPHERTEXT.
   */
  readonly openAuthority: (context: KeyContext, ciphertext: Uint8Array, access: ReleaseAccess) => Soon<ReleasedKey>
}

type LentByHost = {
  readonly proxy_port?: number | undefined
  readonly aws_access_key_id?: string | undefined
  readonly aws_secret_access_key?: string | undefined
  readonly aws_session_token?: string | undefined
}

/** What the request lends. Half a credential is none: KMS then answers for itself why it refuses. */
export function accessOf(params: LentByHost): ReleaseAccess {
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey } = params
  const whole = accessKeyId !== undefined && secretAccessKey !== undefined
  return {
    credentials: whole ? { accessKeyId, secretAccessKey, sessionToken: params.aws_session_token } : undefined,
    proxyPort: params.proxy_port,
  }
}

/** `next` of the value: at once when it is there, so that a release on this machine stays synchronous. */
export function then<T, R>(value: Soon<T>, next: (value: T) => Soon<R>): Soon<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
