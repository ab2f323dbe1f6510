/** The key that signs checkpoints of the audit log. Derived one way from the state key, so a rebuild has it again. */
import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign } from 'node:crypto'
import { assert } from '../protocol/errors.ts'

export type LogKey = {
  /** 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array
  /** Ed25519 over `message`: 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

const STATE_KEY_BYTES = 32
const SEED_BYTES = 32
const INFO = 'anchorhold/log/v1'
/** RFC 8410: version 0, algorithm 1.3.101.112, an octet string that holds an octet string of 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX_BYTES = 12

/** The Ed25519 log key: its seed is HKDF-SHA256 of the state key, without salt, info "anchorhold/log/v1". */
export function logKey(stateKey: Uint8Array): LogKey {
  assert(stateKey.length === STATE_KEY_BYTES, 'a state key has 32 bytes')
  const seed = Buffer.from(hkdfSync('sha256', stateKey, new Uint8Array(0), INFO, SEED_BYTES))
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, seed])
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  seed.fill(0)
  pkcs8.fill(0)
  return {
    publicKey: rawPublicKey(privateKey),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  }
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return new Uint8Array(spki.subarray(SPKI_PREFIX_BYTES))
}
