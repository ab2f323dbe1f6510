/** From a cold enclave to one that holds its keys (protocol sections 2 and 5). */

import type { Instance } from '../instance.ts'
import { keysOf } from '../instance.ts'
import type { KeyPurpose } from '../keys/encryption-context.ts'
import { accessOf, type Soon, then } from '../keys/key-release.ts'
import { logKey } from '../keys/log-key.ts'
import { addressOf } from '../keys/secp256k1.ts'
import { refuseRelatedKeys } from '../keys/session-key.ts'
import { assert, refuse } from '../protocol/errors.ts'
import { toHash } from '../protocol/ids.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'

const KEY_SPEC = 'AES-256'

/** Draws keys, returns their ciphertexts and forgets them: nothing is signed for a key whose ciphertext did not come back [S6]. */
export function generate(instance: Instance, params: ParsedParams<'generate'>): Soon<MethodResults['generate']> {
  const { kms, keyContext } = instance
  checkTerms(instance, params)
  return then(kms.generateKeys(keyContext, accessOf(params)), (keys) => ({
    address: keys.address,
    ciphertext_b64: Buffer.from(keys.authorityCiphertext).toString('base64'),
    state_ciphertext_b64: Buffer.from(keys.stateCiphertext).toString('base64'),
    log_key: keys.logPublicKey,
    key_id: kms.keyId,
    key_spec: KEY_SPEC,
  }))
}

export function provision(instance: Instance, params: ParsedParams<'provision'>): Soon<MethodResults['provision']> {
  const { kms, keyContext } = instance
  checkTerms(instance, params)
  const access = accessOf(params)
  const open = (purpose: KeyPurpose, text: string): Soon<Uint8Array> =>
    kms.openKey(keyContext, purpose, Buffer.from(text, 'base64'), access)
  return then(open('authority', params.ciphertext_b64), (authorityKey) =>
    orWiped(authorityKey, () =>
      then(open('state', params.state_ciphertext_b64), (stateKey) =>
        orWiped(stateKey, () => adopt(instance, params, authorityKey, stateKey)),
      ),
    ),
  )
}

/** What `taken` gives; where it is refused, a key that was released for nothing stays in no memory. */
function orWiped<T>(key: Uint8Array, taken: () => Soon<T>): Soon<T> {
  const wipe = (error: unknown): never => {
    key.fill(0)
    throw error
  }
  try {
    const result = taken()
    return result instanceof Promise ? result.catch(wipe) : result
  } catch (error) {
    return wipe(error)
  }
}

function adopt(
  instance: Instance,
  { expected_address: expected }: ParsedParams<'provision'>,
  authorityKey: Uint8Array,
  stateKey: Uint8Array,
): MethodResults['provision'] {
  // Nobody else was answered between the questions to KMS and this: another key could have come in meanwhile.
  assert(instance.phase === 'cold', 'keys come into a cold enclave')
  const address = addressOf(authorityKey)
  if (expected !== undefined && expected !== address) refuse('KEY_ADDRESS', expected, address)
  refuseRelatedKeys(authorityKey, stateKey, instance.session)
  const log = logKey(stateKey)
  instance.keys = { authorityKey, address, stateKey, logKey: log, logPublicKey: toHash(log.publicKey) }
  instance.phase = 'provisioned'
  return { address }
}

export function address(instance: Instance): MethodResults['address'] {
  return { address: keysOf(instance).address }
}

/** The configuration is locked into PCR16 before the first release: a request may repeat its terms, never change them [F1]. */
function checkTerms({ configuration }: Instance, { region, key_id: keyId }: ParsedParams<'generate'>): void {
  const { keyRelease } = configuration
  if (keyRelease === undefined) return
  if (region !== undefined && region !== keyRelease.region) refuse('RELEASE_TERMS', keyRelease.region, region)
  if (keyId !== undefined && keyId !== keyRelease.keyId) refuse('RELEASE_TERMS', keyRelease.keyId, keyId)
}
