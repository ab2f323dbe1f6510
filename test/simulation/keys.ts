/** The keys of one world, and a key release that hands them to any enclave of it: the host may start as many as it likes. */
import type { DevelopmentKms } from '../../enclave/development/kms.ts'
import { logKey } from '../../enclave/keys/log-key.ts'
import { addressOf } from '../../enclave/keys/secp256k1.ts'
import { drawPrivateKey } from '../../enclave/keys/session-key.ts'
import { type Address, toHash } from '../../enclave/protocol/ids.ts'
import type { Random } from './random.ts'

export type DrawnKeys = {
  /** The first one is appointed; the others may be rotated in. */
  readonly authorities: readonly [Address, Address]
  readonly kms: DevelopmentKms
  readonly ciphertexts: (generation: number) => object
}

const STATE_KEY_BYTES = 32
const PURPOSES = ['authority', 'state'] as const

export function drawKeys(random: Random): DrawnKeys {
  const drawn = [0, 1].map(() => drawPrivateKey((bytes) => random.bytes(bytes))) as [Uint8Array, Uint8Array]
  const stateKey = random.bytes(STATE_KEY_BYTES)
  const authorities = [addressOf(drawn[0]), addressOf(drawn[1])] as const
  const kms: DevelopmentKms = {
    keyId: 'simulated',
    generateKeys: () => ({
      address: authorities[0],
      authorityCiphertext: Uint8Array.of(0, 0),
      stateCiphertext: Uint8Array.of(1, 0),
      logPublicKey: toHash(logKey(stateKey).publicKey),
    }),
    // A ciphertext names its purpose and its generation.
    openKey: (_, purpose, ciphertext) =>
      Uint8Array.from(purpose === 'authority' ? (drawn[ciphertext[1] ?? 0] ?? drawn[0]) : stateKey),
  }
  const ciphertexts = (generation: number): object => {
    const [authority, state] = PURPOSES.map((_, purpose) => Buffer.from([purpose, generation]).toString('base64'))
    return { ciphertext_b64: authority, state_ciphertext_b64: state }
  }
  return { authorities, kms, ciphertexts }
}
