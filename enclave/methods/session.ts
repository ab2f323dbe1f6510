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
  const { vouched, records } = opening(instance)
  const { address: session } = instance.session
  const open = { epoch: state.epoch, head: state.head, session, attestationDigest: vouched.digest }
  const signature = encodeSignature(sign(typedDigest(instance.ledger, openStruct(open)), keysOf(instance).authorityKey))
  instance.signatures++
  const call = encodeAnchorCall({ kind: 'openSession', open, signature })
  const { epoch, head } = open
  return { ...carry(instance, call, params), epoch, head, session, attestation: vouched.document, records }
}

type Opening = { readonly vouched: Vouched; readonly records: readonly ReleasedRecord[] }

/**
 * One document and one entry a boot: an Open that is signed again names the same ones, so that whatever lands can be
 * looked up. What can be refused is refused first, since a policy may still change before the next try.
 */
function opening(instance: Instance): Opening {
  if (instance.vouched !== undefined) return { vouched: instance.vouched, records: [] }
  assert(instance.claim !== undefined, 'a recovering enclave has a claim')
  checkRoom(instance.outbox)
  const epoch = nextEpoch(instance.claim.epoch)
  const at = nowSeconds(instance)
  const vouched = vouch(instance, epoch)
  const records = [recordOpen(instance, epoch, vouched, at)]
  instance.vouched = vouched
  return { vouched, records }
}

/** The open entry is released before the signature: the log never lacks a session that could have landed. */
function recordOpen(instance: Instance, epoch: number, { digest }: Vouched, at: number): ReleasedRecord {
  const state = stateOf(instance)
  const body = {
    epoch,
    head: state.head,
    session: instance.session.address,
    attestationDigest: digest,
    imageDigest: instance.imageDigest,
  }
  return release(instance, [write(state, 'open', body, at)])
}

/** The host's word that the session landed. If it lies, every later commit reverts [S16]. */
export function sessionLanded(
  instance: Instance,
  params: ParsedParams<'session_landed'>,
): MethodResults['session_landed'] {
  const state = stateOf(instance)
  const isOpened = instance.vouched !== undefined
  if (!isOpened || params.epoch !== state.epoch)
    refuse('SESSION_CLAIM', isOpened ? state.epoch : 'open_session first', params.epoch)
  instance.phase = 'active'
  instance.signatures = 0
  return { phase: instance.phase }
}
