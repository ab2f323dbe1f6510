/** From a configuration to an enclave that answers for it. What differs on a development machine comes in as parts. */
import type { Attester } from './attester.ts'
import { lockConfiguration, type Role } from './boot.ts'
import { answerSoon } from './dispatch.ts'
import { newInstance } from './instance.ts'
import type { KeyRelease } from './keys/key-release.ts'
import type { Entropy } from './keys/session-key.ts'
import { pcr16Of } from './protocol/attestation/user-data.ts'
import { type KeyReleaseTerms, lockedHash, parseConfiguration } from './protocol/configuration.ts'
import { fromHex, type Hash } from './protocol/ids.ts'
import type { Clock } from './shell/clock.ts'
import type { Nsm } from './shell/nsm.ts'

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
  readonly report: (error: unknown) => void
}

/** Judges the configuration, locks it into PCR16, and draws the session key. Refuses CONFIG_INVALID, CONFIG_LOCKED, NSM_FAILED. */
export function beginRole(parts: Parts, given: unknown): Role {
  const configuration = parseConfiguration(given)
  const kms = parts.releaseOf(configuration.keyRelease)
  lock(parts.nsm, lockedHash(configuration))
  const { entropy, clock, report } = parts
  const instance = newInstance({ configuration, kms, entropy, clock, report, attester: attesterOf(parts) })
  return (request) => answerSoon(instance, request)
}

function lock(nsm: Nsm, name: Hash): void {
  lockConfiguration(nsm, pcr16Of(name), { hash: fromHex(name), name })
}

function attesterOf({ nsm, recipient, imageDigest }: Parts): Attester {
  return { imageDigest, document: ({ nonce, userData }) => nsm.document({ nonce, userData, publicKey: recipient }) }
}
