/** The freshness challenge: a session that only this boot can hold (protocol section 5) [A2, S16]. */

import { write } from '../core/ledger.ts'
import { checkRoom } from '../core/outbox.ts'
import { checkFees } from '../core/payout.ts'
import { type Instance, keysOf, nextEpoch, nowSeconds, release, stateOf, type Vouched } from '../instance.ts'
import { encodeSignature, sign } from '../keys/secp256k1.ts'
import { encodeAnchorCall } from '../protocol/anchor.ts'
import { assert, refuse } from '../protocol/errors.ts'
import { openStruct } from '../protocol/header.ts'
import type { MethodResults, ReleasedRecord } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { typedDigest } from '../protocol/typed-data.ts'
import { vouch } from './attestation.ts'
import { carry } from './carry.ts'

/**
 * Signs this boot's one Open. Asked again it signs the same Open into another transaction, so that a stuck one can be
 * replaced; another epoch or head takes another boot.
 */
export function openSession(instance: Instance, params: ParsedParams<'open_session'>): MethodResults['open_session'] {
  const state = stateOf(instance)
  checkFees(state, params.fees)
  if (instance.signatures >= state.policy.signaturesPerSequenceMax) {
    refuse('SIGNATURES_SPENT', `fewer than ${state.policy.signaturesPerSequenceMax} signatures`, instance.signatures)
  }
  const vouched = vouchedFor(instance)
  const records = instance.opened ? [] : [recordOpen(instance, vouched)]
  const { address: session } = instance.session
  const open = { epoch: state.epoch, head: state.head, session, attestationDigest: vouched.digest }
  const signature = encodeSignature(sign(typedDigest(instance.ledger, openStruct(open)), keysOf(instance).authorityKey))
  instance.signatures++
  const call = encodeAnchorCall({ kind: 'openSession', open, signature })
  const { epoch, head } = open
  return { ...carry(instance, call, params), epoch, head, session, attestation: vouched.document, records }
}

/** One document a boot: an Open that is signed again names the same one, so that whatever lands can be looked up. */
function vouchedFor(instance: Instance): Vouched {
  assert(instance.claim !== undefined, 'a recovering enclave has a claim')
  instance.vouched ??= vouch(instance, nextEpoch(instance.claim.epoch))
  return instance.vouched
}

/** The open entry is released before the signature: the log never lacks a session that could have landed. */
function recordOpen(instance: Instance, { digest }: Vouched): ReleasedRecord {
  const state = stateOf(instance)
  assert(instance.claim !== undefined, 'a recovering enclave has a claim')
  checkRoom(instance.outbox)
  const body = {
    epoch: nextEpoch(instance.claim.epoch),
    head: state.head,
    session: instance.session.address,
    attestationDigest: digest,
    imageDigest: instance.imageDigest,
  }
  const record = release(instance, [write(state, 'open', body, nowSeconds(instance))])
  instance.opened = true
  return record
}

/** The host's word that the session landed. If it lies, every later commit reverts [S16]. */
export function sessionLanded(
  instance: Instance,
  params: ParsedParams<'session_landed'>,
): MethodResults['session_landed'] {
  const state = stateOf(instance)
  if (!instance.opened || params.epoch !== state.epoch)
    refuse('SESSION_CLAIM', instance.opened ? state.epoch : 'open_session first', params.epoch)
  instance.phase = 'active'
  instance.signatures = 0
  return { phase: instance.phase }
}
