/** Documents that vouch for this boot, and what they bind (docs/ATTESTATION.md) [S37]. */
import type { Instance, Vouched } from '../instance.ts'
import {
  attestationDigestOf,
  encodeUserData,
  USER_DATA_VERSION,
  type UserData,
} from '../protocol/attestation/user-data.ts'
import { CodedError } from '../protocol/errors.ts'
import { ZERO_HASH } from '../protocol/ids.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'

/** A fresh document over the caller's nonce and all that this boot stands for. Refuses ATTESTATION_NONE, NSM_FAILED. */
export function attestation(instance: Instance, params: ParsedParams<'attestation'>): MethodResults['attestation'] {
  const { attester } = instance
  if (attester === undefined)
    throw new CodedError('ATTESTATION_NONE', 'expected an enclave with an NSM, got a process without one')
  const userData = encodeUserData(boundBy(instance, instance.state?.epoch ?? null))
  const document = attester.document({ nonce: params.nonce ?? null, userData })
  return { document_b64: Buffer.from(document).toString('base64') }
}

/** The document for what this boot is about to sign under `epoch`. It carries no nonce: the chain is what makes it fresh. */
export function vouch(instance: Instance, epoch: number): Vouched {
  const { attester } = instance
  if (attester === undefined) return { document: null, digest: ZERO_HASH }
  const document = attester.document({ nonce: null, userData: encodeUserData(boundBy(instance, epoch)) })
  return { document, digest: attestationDigestOf(document) }
}

/** Everything that a verifier has to know of this boot. What is not known yet is null, never left out. */
function boundBy({ configuration, keyContext, keys, session, state }: Instance, epoch: number | null): UserData {
  return {
    v: USER_DATA_VERSION,
    role: keyContext.role,
    chainId: configuration.chainId,
    anchor: configuration.anchor,
    config: keyContext.config,
    authority: keys?.address ?? null,
    policyHash: state?.policyHash ?? null,
    head: state?.head ?? null,
    epoch,
    session: session.address,
    credits: state?.policy.credits ?? null,
  }
}
