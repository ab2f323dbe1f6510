/** The keys of one world, and a key release that hands them to any enclave of it: the host may start as many as it likes. */
import type { DevelopmentKms } from '../../enclave/keys/development-kms.ts'
import { addressOf } from '../../enclave/keys/secp256k1.ts'
import { drawPrivateKey } from '../../enclave/keys/session-key.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import type { Random } from './random.ts'

export type DrawnKeys = {
  readonly authority: Address
  readonly kms: DevelopmentKms
  readonly ciphertexts: { readonly ciphertext_b64: string; readonly state_ciphertext_b64: string }
}

const STATE_KEY_BYTES = 32
const AUTHORITY_CIPHERTEXT = Uint8Array.of(1)
const STATE_CIPHERTEXT = Uint8Array.of(2)

export function drawKeys(random: Random): DrawnKeys {
  const authorityKey = drawPrivateKey((bytes) => random.bytes(bytes))
  const stateKey = random.bytes(STATE_KEY_BYTES)
  const authority = addressOf(authorityKey)
  const kms: DevelopmentKms = {
    generateKeys: () => ({
      address: authority,
      authorityCiphertext: AUTHORITY_CIPHERTEXT,
      stateCiphertext: STATE_CIPHERTEXT,
    }),
    openKey: (_, purpose) => Uint8Array.from(purpose === 'authority' ? authorityKey : stateKey),
  }
  return {
    authority,
    kms,
    ciphertexts: {
      ciphertext_b64: Buffer.from(AUTHORITY_CIPHERTEXT).toString('base64'),
      state_ciphertext_b64: Buffer.from(STATE_CIPHERTEXT).toString('base64'),
    },
  }
}
