/**
 * The whole state from the public log alone, when every sealed file is lost (protocol section 5) [F7]. The log is the
 * host's word until the end: then its root and every other field must make the header that the anchor has as its head.
 */
import { closeHeader } from '../core/header-of.ts'
import { replay, write } from '../core/ledger.ts'
import type { Claim } from '../core/settle.ts'
import type { State } from '../core/state.ts'
import { type Instance, nowSeconds } from '../instance.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { foldHead, headerHash } from '../protocol/header.ts'
import { ZERO_HASH } from '../protocol/ids.ts'
import type { LoadResult } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { TAG_ZERO } from '../seal/record.ts'
import { adopt } from './adopt.ts'

export function rebuild(instance: Instance, params: ParsedParams<'rebuild'>): LoadResult {
  try {
    return take(instance, params)
  } catch (error) {
    // Half a log must not be continued by the next call.
    instance.rebuilding = undefined
    throw error
  }
}

function take(instance: Instance, params: ParsedParams<'rebuild'>): LoadResult {
  let state = instance.rebuilding
  for (const entry of params.entries) {
    state = replay(state, entry)
    if (state.ledgerId !== instance.ledgerId) refuse('STATE_MISMATCH', instance.ledgerId, state.ledgerId)
  }
  instance.rebuilding = state
  if (params.more) return { more: true, records: state?.log.size ?? 0 }
  if (params.claimed === undefined)
    throw new CodedError('PARAMS_INVALID', 'claimed: expected {head, epoch, bitmap} in the last call, got nothing')
  if (state === undefined) throw new CodedError('STATE_MISMATCH', 'expected the entries of a log, got none')
  const entries = [anchored(instance, state, params.claimed)]
  // A new sealed chain: the old one, if any is left, belongs to boots that this state knows nothing of.
  const end = { firstRecord: 0, prevTag: TAG_ZERO, epoch: 0 }
  return adopt(instance, state, { claim: params.claimed, end, approval: params.approval, entries })
}

/** The commit entry of the anchored header, which the published log never holds: its `at` alone is new. */
function anchored(instance: Instance, state: State, claim: Claim): Uint8Array {
  if (claim.head === ZERO_HASH)
    throw new CodedError('CLAIM_MISMATCH', 'expected an anchored header, got an anchor without one; use genesis')
  if (state.unlanded !== null)
    refuse('STATE_MISMATCH', 'the log up to the anchored logSize', `one that ends after commit ${state.unlanded.hash}`)
  const header = closeHeader(state)
  const hash = headerHash(header)
  const head = claim.bitmap === null ? hash : foldHead(hash, BigInt(claim.bitmap))
  if (head !== claim.head) refuse('CLAIM_MISMATCH', `head ${head}, from a log of ${state.log.size} entries`, claim)
  return write(state, 'commit', { header, hash }, nowSeconds(instance))
}
