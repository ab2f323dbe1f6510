/** The old enclave signs its ledger over to a new authority, and stops (protocol section 5) [A15, F3]. */
import { checkFees } from '../core/payout.ts'
import { type ApprovedRotation, checkHandover } from '../core/rotation.ts'
import { halt, type Instance, keysOf, nowSeconds, stateOf } from '../instance.ts'
import { encodeSignature, sign } from '../keys/secp256k1.ts'
import { signerOf } from '../keys/signers.ts'
import { encodeAnchorCall } from '../protocol/anchor.ts'
import { rotateApprovalStruct } from '../protocol/credit.ts'
import { rotateStruct } from '../protocol/header.ts'
import { toHex } from '../protocol/ids.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { typedDigest } from '../protocol/typed-data.ts'
import { vouch } from './attestation.ts'
import { carry } from './carry.ts'

/**
 * Signs Rotate for the present head, after which this enclave signs nothing more. The contract takes it only with the
 * guardian's approval of the same authority; until then a new session of the old authority can still go on.
 */
export function rotate(instance: Instance, params: ParsedParams<'rotate'>): MethodResults['rotate'] {
  const state = stateOf(instance)
  checkFees(state, params.fees)
  const { fees, accountNonce, ...approval } = params
  checkHandover(state, approvedRotation(instance, approval), Math.max(state.at, nowSeconds(instance)))
  const vouched = vouch(instance, state.epoch)
  const message = {
    epoch: params.epoch,
    head: state.head,
    newAuthority: params.newAuthority,
    attestationDigest: vouched.digest,
  }
  const digest = typedDigest(instance.ledger, rotateStruct(message))
  const signature = encodeSignature(sign(digest, keysOf(instance).authorityKey))
  const call = encodeAnchorCall({ kind: 'rotateAuthority', rotate: message, signature })
  const signed = carry(instance, call, { fees, accountNonce })
  halt(instance, `rotated to ${params.newAuthority}`)
  return {
    ...signed,
    epoch: message.epoch,
    head: message.head,
    newAuthority: message.newAuthority,
    attestation: vouched.document,
    phase: instance.phase,
  }
}

/** Who approved what, as core judges it. */
export function approvedRotation(
  instance: Instance,
  { signatures, ...fields }: Omit<ParsedParams<'rotate'>, 'fees' | 'accountNonce'>,
): ApprovedRotation {
  const approval = { ledgerId: instance.ledgerId, ...fields }
  const struct = rotateApprovalStruct(approval)
  return {
    approval,
    signers: signatures.map((signature) => signerOf(instance.ledger, struct, signature)),
    signatures: signatures.map(toHex),
  }
}
