/** What a verifier makes of a document of a stage's enclave, who knows the chain and what the ledger was begun with. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readDevelopmentRoot } from '../../enclave/development/chain.ts'
import type { ExpectedUserData } from '../../enclave/protocol/attestation/binding.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { configHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { sha256 } from '../../enclave/protocol/hash.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { policyHash } from '../../enclave/protocol/policy.ts'
import { SKEW_MS_MAX, verdictOf } from '../builders/expectations.ts'
import type { Boot } from './boot.ts'
import { policyOf } from './governed.ts'
import type { Stage } from './stage.ts'

const AGE_MS_MAX = 60_000
const ZERO_PCR = new Uint8Array(48)

/** Nothing of it comes from the enclave. */
export async function knownOf(stage: Stage, over: Partial<ExpectedUserData> = {}): Promise<ExpectedUserData> {
  const { head, epoch, session, authority } = await stage.facts()
  const policy = policyOf(stage)
  const configuration = parseConfiguration(stage.configuration)
  return {
    role: 'core',
    chainId: configuration.chainId,
    anchor: stage.anchor,
    config: configHash(configuration),
    authority,
    policyHash: policyHash(policy),
    head,
    epoch,
    session,
    credits: policy.credits,
    ...over,
  }
}

/** `accepted`, or the code with which a fresh document of this enclave is refused. */
export async function verdictOn(stage: Stage, boot: Boot, userData: ExpectedUserData): Promise<string> {
  const nonce = new Uint8Array(randomBytes(32))
  const { document_b64 } = await boot.call('attestation', { nonce })
  return judged(stage, Buffer.from(document_b64, 'base64'), nonce, userData)
}

export function judged(
  stage: Stage,
  document: Uint8Array,
  nonce: Uint8Array | 'unchecked',
  userData: ExpectedUserData,
): string {
  const root = readDevelopmentRoot(join(stage.folder, 'keys', 'development-root'), randomBytes)
  return verdictOf(() =>
    verifyUnder(
      document,
      {
        mode: 'live',
        nowMs: Date.now(),
        maxAgeMs: AGE_MS_MAX,
        maxSkewMs: SKEW_MS_MAX,
        measurements: [{ name: 'development', pcr0: ZERO_PCR, pcr1: ZERO_PCR, pcr2: ZERO_PCR }],
        allowDebug: true,
        nonce,
        binding: { userData, publicKey: 'unchecked' },
      },
      toHash(sha256(root.certificate)),
    ),
  )
}
