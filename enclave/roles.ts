/** From a configuration to an enclave that answers for it. What differs on a development machine comes in as parts. */
import type { Attester } from './attester.ts'
import { type Boot, lockConfiguration, newBoot, type Role } from './boot.ts'
import { answerSoon } from './dispatch.ts'
import { newInstance } from './instance.ts'
import type { KeyRelease, SignerRelease } from './keys/key-release.ts'
import type { Entropy } from './keys/session-key.ts'
import { pcr16Of } from './protocol/attestation/user-data.ts'
import { type KeyReleaseTerms, lockedHash, parseConfiguration } from './protocol/configuration.ts'
import { fromHex, type Hash } from './protocol/ids.ts'
import {
  parseSignerConfiguration,
  type SignerConfiguration,
  signerLockedHash,
} from './protocol/signer-configuration.ts'
import type { Clock } from './shell/clock.ts'
import type { Nsm } from './shell/nsm.ts'
import { answerSigner, configurationIn } from './signer/dispatch.ts'
import { newSigner } from './signer/signer.ts'

export type Parts = {
  readonly nsm: Nsm
  /** Zero in debug mode and on a development machine. */
  readonly imageDigest: Hash
  /** SPKI DER of the boot's RSA key, which KMS encrypts for; null where no KMS is asked. */
  readonly recipient: Uint8Array | null
  readonly entropy: Entropy
  readonly clock: Clock
  /** Refuses CONFIG_INVALID where these terms cannot be met on this machine. */
  readonly releaseOf: (terms: KeyReleaseTerms | undefined) => KeyRelease
  readonly signerReleaseOf: (terms: KeyReleaseTerms | undefined) => SignerRelease
  readonly report: (error: unknown) => void
}

export function newBootOf(parts: Parts): Boot {
  return newBoot({
    begin: (given) => beginRole(parts, given),
    beginSigner: (request) => beginSigner(parts, configurationIn(request)),
    report: parts.report,
  })
}

/** Judges the configuration, locks it into PCR16, and draws what this boot keeps for itself. Refuses CONFIG_INVALID, CONFIG_LOCKED, NSM_FAILED. */
function beginRole(parts: Parts, given: unknown): Role {
  if (isSigner(given)) return beginSigner(parts, parseSignerConfiguration(given))
  const configuration = parseConfiguration(given)
  const kms = parts.releaseOf(configuration.keyRelease)
  lock(parts.nsm, lockedHash(configuration))
  const { entropy, clock, report } = parts
  const instance = newInstance({ configuration, kms, entropy, clock, report, attester: attesterOf(parts) })
  return (request) => answerSoon(instance, request)
}

function isSigner(given: unknown): boolean {
  return typeof given === 'object' && given !== null && 'role' in given && given.role === 'signer'
}

/** A configuration whose keys nothing here releases is refused before it is locked: it would leave an enclave of no use. */
function beginSigner(parts: Parts, configuration: SignerConfiguration): Role {
  const release = parts.signerReleaseOf(configuration.keyRelease)
  lock(parts.nsm, signerLockedHash(configuration))
  const { document } = attesterOf(parts)
  const signer = newSigner({ configuration, begin: () => release, document, report: parts.report })
  return (request) => answerSigner(signer, request)
}

function lock(nsm: Nsm, name: Hash): void {
  lockConfiguration(nsm, pcr16Of(name), { hash: fromHex(name), name })
}

function attesterOf({ nsm, recipient, imageDigest }: Parts): Attester {
  return { imageDigest, document: ({ nonce, userData }) => nsm.document({ nonce, userData, publicKey: recipient }) }
}
