/** One boot of role `signer`: what it is for, and its one key. It keeps no state: every request is judged by itself. */
import { type SignerRelease, type Soon, then } from '../keys/key-release.ts'
import { encodeUserData, USER_DATA_VERSION } from '../protocol/attestation/user-data.ts'
import { assert, CodedError, refuse } from '../protocol/errors.ts'
import { type Address, type Hash, ZERO_HASH } from '../protocol/ids.ts'
import {
  type SignerConfiguration,
  signerConfigHash,
  signerLockedHash,
  signerPolicyHash,
} from '../protocol/signer-configuration.ts'
import type { SignerPhase } from '../protocol/signer-methods.ts'

export type SignerSurroundings = {
  /** Known from the start where the process was told before; else the first `configure`, `generate` or `provision` says it. */
  readonly configuration?: SignerConfiguration
  /**
   * Locks this configuration for the life of the enclave (PCR16), and only then gives a release that can ask KMS. Called
   * again, with the same one, when it failed.
   */
  readonly begin: (configuration: SignerConfiguration) => Soon<SignerRelease>
  /** A fresh attestation document over these. Absent where nothing can vouch for this boot. */
  readonly document?: (bound: { readonly nonce: Uint8Array | null; readonly userData: Uint8Array }) => Uint8Array
  /** Where a bug of ours is told in full: the operator's console, never a reply. */
  readonly report: (error: unknown) => void
}

export type SignerKey = { readonly privateKey: Uint8Array; readonly address: Address }

export type Signer = SignerSurroundings & {
  phase: SignerPhase
  /** What this boot is for. Set once. */
  fixed: SignerConfiguration | undefined
  release: SignerRelease | undefined
  key: SignerKey | undefined
  haltReason: string | undefined
}

export function newSigner(surroundings: SignerSurroundings): Signer {
  return {
    ...surroundings,
    phase: 'cold',
    fixed: surroundings.configuration,
    release: undefined,
    key: undefined,
    haltReason: undefined,
  }
}

/** The key, which only the phase provisioned has. */
export function keyOf({ key }: Signer): SignerKey {
  assert(key !== undefined, 'a provisioned signer has its key')
  return key
}

/** What this boot is for, which every phase with a key knows. */
export function configurationOf({ fixed }: Signer): SignerConfiguration {
  assert(fixed !== undefined, 'a provisioned signer knows what it is for')
  return fixed
}

/**
 * Makes `configuration` the one of this boot, or finds that it is. Refuses CONFIG_LOCKED for another: the first one may be
 * in PCR16 already, and a key that opens under it must never sign under a second.
 */
export function fix(signer: Signer, configuration: SignerConfiguration): SignerConfiguration {
  signer.fixed ??= configuration
  const [locked, got] = [signerLockedHash(signer.fixed), signerLockedHash(configuration)]
  if (locked !== got) refuse('CONFIG_LOCKED', `configuration ${locked}`, got)
  return signer.fixed
}

/** The release of this boot, begun at the first need. */
export function releaseOf(signer: Signer): Soon<SignerRelease> {
  if (signer.release !== undefined) return signer.release
  return then(signer.begin(configurationOf(signer)), (release) => {
    signer.release = release
    return release
  })
}

/** Refuses ATTESTATION_NONE where nothing can vouch for this boot. */
export function documentOf(signer: Signer, nonce: Uint8Array | null): Uint8Array {
  if (signer.document === undefined)
    throw new CodedError('ATTESTATION_NONE', 'expected a signer with an NSM, got one that nothing vouches for')
  return signer.document({ nonce, userData: userDataOf(signer) })
}

/** Whoever reads it learns chain, broker and policy by their hash: before anything is fixed that hash is zero. */
export function userDataOf({ fixed, key }: Signer): Uint8Array {
  return encodeUserData({
    v: USER_DATA_VERSION,
    role: 'signer',
    chainId: fixed?.chainId ?? 0,
    anchor: null,
    config: fixed === undefined ? ZERO_HASH : signerConfigHash(fixed),
    authority: key?.address ?? null,
    policyHash: policyHashOf(fixed),
    head: null,
    epoch: null,
    session: null,
    credits: null,
  })
}

function policyHashOf(fixed: SignerConfiguration | undefined): Hash | null {
  return fixed === undefined ? null : signerPolicyHash(fixed.policy)
}

/** After a bug of ours nothing is signed any more. */
export function haltSigner(signer: Signer, reason: string): void {
  signer.phase = 'halted'
  signer.haltReason = reason
  signer.key?.privateKey.fill(0)
  signer.key = undefined
}
