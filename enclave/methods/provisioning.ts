/** From a cold enclave to one that holds its keys (protocol sections 2 and 5). */

import type { Instance } from '../instance.ts'
import { keysOf } from '../instance.ts'
import { logKey } from '../keys/log-key.ts'
import { addressOf } from '../keys/secp256k1.ts'
import { refuseRelatedKeys } from '../keys/session-key.ts'
import { refuse } from '../protocol/errors.ts'
import { toHash } from '../protocol/ids.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'

const DEVELOPMENT_KEY_ID = 'development'
const KEY_SPEC = 'AES-256'

/** Draws keys, returns their ciphertexts and forgets them: nothing is signed for a key whose ciphertext did not come back [S6]. */
export function generate(instance: Instance): MethodResults['generate'] {
  const keys = instance.kms.generateKeys(instance.keyContext)
  return {
    address: keys.address,
    ciphertext_b64: Buffer.from(keys.authorityCiphertext).toString('base64'),
    state_ciphertext_b64: Buffer.from(keys.stateCiphertext).toString('base64'),
    key_id: DEVELOPMENT_KEY_ID,
    key_spec: KEY_SPEC,
  }
}

export function provision(instance: Instance, params: ParsedParams<'provision'>): MethodResults['provision'] {
  const { kms, keyContext, session } = instance
  const authorityKey = kms.openKey(keyContext, 'authority', Buffer.from(params.ciphertext_b64, 'base64'))
  const stateKey = kms.openKey(keyContext, 'state', Buffer.from(params.state_ciphertext_b64, 'base64'))
  const address = addressOf(authorityKey)
  if (params.expected_address !== undefined && params.expected_address !== address) {
    refuse('KEY_ADDRESS', params.expected_address, address)
  }
  refuseRelatedKeys(authorityKey, stateKey, session)
  const log = logKey(stateKey)
  instance.keys = { authorityKey, address, stateKey, logKey: log, logPublicKey: toHash(log.publicKey) }
  instance.phase = 'provisioned'
  return { address }
}

export function address(instance: Instance): MethodResults['address'] {
  return { address: keysOf(instance).address }
}
