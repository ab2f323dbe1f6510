/** What the anchor's answer means for the unlanded commit (protocol section 5). Decisions only. */
import type { Body } from '../protocol/entry.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { foldHead } from '../protocol/header.ts'
import type { Hash } from '../protocol/ids.ts'
import type { State } from './state.ts'

/**
 * The settle entry for a bitmap that the host brings. The host may lie: the folded head that follows from the lie is
 * then not the anchor's, and the next commit reverts [A9, A10].
 */
export function decideSettle(state: State, sequence: number, bitmap: Hash | null): Body<'settle'> {
  const { unlanded } = state
  if (unlanded === null)
    throw new CodedError('NO_UNLANDED_COMMIT', `expected an unlanded commit, got confirmation of ${sequence}`)
  if (unlanded.header.sequence !== sequence) refuse('SEQUENCE_MISMATCH', unlanded.header.sequence, sequence)
  const count = unlanded.payouts.length
  if ((bitmap === null) !== (count === 0))
    refuse('BITMAP_INVALID', count === 0 ? 'null for a bare commit' : 'a bitmap', bitmap)
  if (bitmap === null) return { sequence, bitmap, head: unlanded.hash }
  if (BigInt(bitmap) >> BigInt(count) !== 0n) refuse('BITMAP_INVALID', `no bit past payout ${count - 1}`, bitmap)
  return { sequence, bitmap, head: foldHead(unlanded.hash, BigInt(bitmap)) }
}

export type Claim = { readonly head: Hash; readonly epoch: number; readonly bitmap: Hash | null }

/** What must be written at load so that the state's head is the claimed one. */
export type LoadVerdict =
  | { readonly kind: 'as-is' }
  | { readonly kind: 'settle'; readonly body: Body<'settle'> }
  | { readonly kind: 'void'; readonly body: Body<'void'> }

/**
 * The load rule [G1]. Only an unlanded newest header leaves anything to decide; otherwise the claim must be the state's
 * own head. Refuses CLAIM_MISMATCH: the host then offers another prefix.
 */
export function decideLoad(state: State, claim: Claim): LoadVerdict {
  const { unlanded } = state
  if (unlanded === null) {
    if (claim.head !== state.head || claim.bitmap !== null)
      refuse('CLAIM_MISMATCH', `head ${state.head} and no bitmap`, claim)
    return { kind: 'as-is' }
  }
  const { header, hash, payouts } = unlanded
  if (claim.head === header.prev && claim.bitmap === null)
    return { kind: 'void', body: { sequence: header.sequence, head: header.prev } }
  const bare = payouts.length === 0
  if (bare && claim.head === hash && claim.bitmap === null)
    return { kind: 'settle', body: decideSettle(state, header.sequence, null) }
  // A bitmap too long for this commit belongs to another one: a mismatch like any other, and another prefix may fit.
  if (!bare && claim.bitmap !== null && BigInt(claim.bitmap) >> BigInt(payouts.length) === 0n) {
    const body = decideSettle(state, header.sequence, claim.bitmap)
    if (body.head === claim.head) return { kind: 'settle', body }
  }
  refuse('CLAIM_MISMATCH', `${header.prev}, or what follows from ${hash}`, claim)
}
