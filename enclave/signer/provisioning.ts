/** From a cold signer to one with its key: drawn inside and sealed, or brought by its owner. Once a boot. */
import { getAddress } from 'viem/utils'
import { accessOf, type ReleasedKey, type Soon, then } from '../keys/key-release.ts'
import { addressOf, isPrivateKey } from '../keys/secp256k1.ts'
import { decodeBase64, encodeBase64 } from '../protocol/base64.ts'
import { assert, CodedError, refuse } from '../protocol/errors.ts'
import {
  parseSignerConfiguration,
  type SignerConfiguration,
  signerKeyContext,
  signerLockedHash,
} from '../protocol/signer-configuration.ts'
import type { SignerParams, SignerResults } from '../protocol/signer-methods.ts'
import { namesTerms, signerConfigurationOf } from '../protocol/signer-terms.ts'
import { fix, releaseOf, type Signer } from './signer.ts'

export function configure(signer: Signer, params: SignerParams<'configure'>): SignerResults['configure'] {
  const fixed = fix(signer, parseSignerConfiguration(params.configuration))
  const { ledgerId, config, role } = signerKeyContext(fixed)
  return { ledgerId, config, locked: signerLockedHash(fixed), role }
}

/** Draws a key, returns its ciphertext and forgets it: nothing is signed for a key whose ciphertext did not come back [S6]. */
export function generate(signer: Signer, params: SignerParams<'generate'>): Soon<SignerResults['generate']> {
  const context = signerKeyContext(fixedBy(signer, params))
  return then(releaseOf(signer), (release) =>
    then(release.generateAuthority(context, accessOf(params)), ({ address, authorityCiphertext }) => ({
      address: getAddress(address),
      ciphertext_b64: encodeBase64(authorityCiphertext),
      key_id: release.keyId,
      key_spec: 'AES-256',
    })),
  )
}

export function provision(signer: Signer, params: SignerParams<'provision'>): Soon<SignerResults['provision']> {
  const context = signerKeyContext(fixedBy(signer, params))
  const ciphertext = decodeBase64(params.ciphertext_b64)
  if (ciphertext === undefined)
    throw new CodedError('PARAMS_INVALID', 'ciphertext_b64: expected base64 with padding, got other characters')
  return then(releaseOf(signer), (release) =>
    then(release.openAuthority(context, ciphertext, accessOf(params)), (released) => adopt(signer, released, params)),
  )
}

/**
 * What the request says this boot is for, or what was said before where it says nothing. Region and key belong to it: a key
 * that is named without the terms is held against those that are locked.
 */
function fixedBy(signer: Signer, params: SignerParams<'generate'> | SignerParams<'provision'>): SignerConfiguration {
  if (namesTerms(params) || signer.fixed === undefined) return fix(signer, signerConfigurationOf(params))
  const { keyRelease } = signer.fixed
  const { key_id: keyId, region } = params
  if (keyId !== undefined && keyId !== keyRelease?.keyId) refuse('RELEASE_TERMS', keyRelease?.keyId ?? 'none', keyId)
  if (region !== undefined && keyRelease !== undefined && region !== keyRelease.region)
    refuse('RELEASE_TERMS', keyRelease.region, region)
  return signer.fixed
}

function adopt(
  signer: Signer,
  { key, imported }: ReleasedKey,
  { expected_address: expected }: SignerParams<'provision'>,
): SignerResults['provision'] {
  try {
    // Nobody else was answered between the question to KMS and this: another key could have come in meanwhile.
    assert(signer.phase === 'cold', 'a key comes into a cold signer')
    if (!isPrivateKey(key)) refuse('KEY_CIPHERTEXT', 'a key on the curve', `${key.length} bytes that are none`)
    const address = addressOf(key)
    // Whoever may call kms:Encrypt can bring a key of his own: the operator says which one he means.
    if (imported && expected === undefined) refuse('KEY_ADDRESS', 'expected_address beside an imported key', 'none')
    if (expected !== undefined && expected !== address) refuse('KEY_ADDRESS', expected, address)
    signer.key = { privateKey: Uint8Array.from(key), address }
    signer.phase = 'provisioned'
    return { address: getAddress(address) }
  } finally {
    key.fill(0)
  }
}
