/** A ledger goes on under other keys: never with two authorities at once (protocol section 5) [A15, F3, G5]. Decisions only. */
import type { RotateApproval } from '../protocol/credit.ts'
import type { Body } from '../protocol/entry.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import type { Address, Hash, Hex } from '../protocol/ids.ts'
import { checkNotAfter, checkQuorum } from './quorum.ts'
import type { State } from './state.ts'

export type ApprovedRotation = {
  readonly approval: RotateApproval
  readonly signers: readonly Address[]
  readonly signatures: readonly Hex[]
}

/** What the old enclave asks for before it signs itself away. Refuses COMMIT_UNLANDED, QUORUM_INVALID, ROTATION_INVALID. */
export function checkHandover(state: State, { approval, signers }: ApprovedRotation, at: number): void {
  if (state.unlanded !== null)
    refuse('COMMIT_UNLANDED', 'no unlanded commit', `sequence ${state.unlanded.header.sequence}`)
  checkQuorum(state, signers)
  checkNotAfter(approval.notAfter, at)
  // The epoch that the call will set: an approval of another time opens nothing.
  if (approval.epoch !== state.epoch + 1) refuse('ROTATION_INVALID', `epoch ${state.epoch + 1}`, approval.epoch)
  if (approval.newAuthority === state.authority)
    throw new CodedError('ROTATION_INVALID', 'expected another authority, got the present one')
}

/** Who this enclave is. */
export type Identity = {
  readonly authority: Address
  readonly logKey: Hash
  readonly config: Hash
  readonly imageDigest: Hash
}

/**
 * The rotate entry of an enclave that takes a ledger over, or null when it is the one that the log knows. The contract
 * proves the authority; another log key or configuration takes a quorum. `epoch` is the claimed one.
 */
export function decideTakeover(
  state: State,
  own: Identity,
  epoch: number,
  rotation: ApprovedRotation | null,
  at: number,
): Body<'rotate'> | null {
  const sameKeys = state.logKey === own.logKey && state.config === own.config
  if (sameKeys && state.authority === own.authority) return null
  if (!sameKeys && rotation === null)
    refuse('ROTATION_INVALID', `the log key ${state.logKey} and config ${state.config}, or an approval`, own)
  if (rotation !== null) checkApproval(state, own, epoch, rotation, at)
  return { epoch, ...own, notAfter: rotation?.approval.notAfter ?? 0, signatures: rotation?.signatures ?? [] }
}

function checkApproval(state: State, own: Identity, epoch: number, rotation: ApprovedRotation, at: number): void {
  const { approval, signers } = rotation
  checkQuorum(state, signers)
  checkNotAfter(approval.notAfter, at)
  const { newAuthority, logKey, config, imageDigest } = approval
  const approved = { epoch: approval.epoch, authority: newAuthority, logKey, config, imageDigest }
  const expected = { epoch, ...own }
  for (const field of ['epoch', 'authority', 'logKey', 'config', 'imageDigest'] as const)
    if (approved[field] !== expected[field])
      refuse('ROTATION_INVALID', `${field} ${expected[field]}`, String(approved[field]))
}
