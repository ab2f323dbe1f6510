/** Whether a state that was read is the one that its newest header stands for. */
import { refuse } from '../protocol/errors.ts'
import type { Header } from '../protocol/header.ts'
import { toHash } from '../protocol/ids.ts'
import { policyHash } from '../protocol/policy.ts'
import { foldRoot } from './balance-forest.ts'
import type { Account, State } from './state.ts'

/** Refuses STATE_MISMATCH when a state is not what its own newest header and policy hash say. */
export function proveState(state: State): void {
  const { lastHeader, unlanded } = state
  const ownHash = policyHash(state.policy)
  if (ownHash !== state.policyHash) refuse('STATE_MISMATCH', `policy ${state.policyHash}`, ownHash)
  if (lastHeader === null) return
  const root = toHash(foldRoot(state.forest))
  if (root !== lastHeader.balanceRoot) refuse('STATE_MISMATCH', `balance root ${lastHeader.balanceRoot}`, root)
  if (state.forest.leaves !== lastHeader.accounts)
    refuse('STATE_MISMATCH', `${lastHeader.accounts} accounts in the header`, state.forest.leaves)
  checkTotals(state, lastHeader)
  if (lastHeader.ledgerId !== state.ledgerId) refuse('STATE_MISMATCH', state.ledgerId, lastHeader.ledgerId)
  // The newest header landed, or it is the next one: on its way, or void.
  const follows = lastHeader.sequence === state.sequence || lastHeader.sequence === state.sequence + 1
  if (!follows) refuse('STATE_MISMATCH', `a header of sequence ${lastHeader.sequence}`, state.sequence)
  // Between two commits a policy can be newer than the header's; the header's own version has the header's hash.
  const { policyVersion } = lastHeader
  if (
    state.policyVersion < policyVersion ||
    (state.policyVersion === policyVersion && ownHash !== lastHeader.policyHash)
  )
    refuse('STATE_MISMATCH', `policy ${policyVersion} ${lastHeader.policyHash}`, `${state.policyVersion} ${ownHash}`)
  if (unlanded !== null && (unlanded.header.sequence !== state.sequence + 1 || unlanded.header.prev !== state.head)) {
    refuse('STATE_MISMATCH', 'an unlanded header that follows the head', unlanded.header.sequence)
  }
}

/** The sums of the accounts as the header has them: what its leaves say is what it says of them. */
function checkTotals({ accounts, touched, ...state }: State, header: Header): void {
  for (const field of ['creditedWei', 'paidWei', 'reservedWei'] as const) {
    let total: bigint = state[field]
    for (const [index, committed] of touched) total += (committed?.[field] ?? 0n) - (accounts[index] as Account)[field]
    if (total !== header[field]) refuse('STATE_MISMATCH', `${field} ${header[field]} in the header`, total)
  }
}
