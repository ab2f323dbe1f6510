/** The acts of a quorum of admins (protocol section 6). Decisions only: `signers` are recovered from the signatures. */
import type { Adjust, Drain, JournalReset, PolicyChange } from '../protocol/credit.ts'
import type { Body } from '../protocol/entry.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import type { Address, Hex } from '../protocol/ids.ts'
import { toHash } from '../protocol/ids.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT } from '../protocol/money.ts'
import { POLICY_VERSION_MAX, type Policy, policyHash } from '../protocol/policy.ts'
import { checkNext, checkNotAfter, checkQuorum } from './quorum.ts'
import { isPayable } from './recipient.ts'
import { accountOf } from './register.ts'
import { balanceWei, type State } from './state.ts'

export type Approved = {
  readonly signers: readonly Address[]
  readonly signatures: readonly Hex[]
  /** The time that the entry would have. */
  readonly at: number
}

/** `policy` is one that parsePolicy gave. The newest one only: an older, laxer one names another predecessor [F20]. */
export function decidePolicy(state: State, policy: Policy, change: PolicyChange, approved: Approved): Body<'policy'> {
  const { version, prevPolicyHash, notAfter } = change
  checkQuorum(state, approved.signers)
  if (prevPolicyHash !== state.policyHash) refuse('POLICY_SUPERSEDED', state.policyHash, prevPolicyHash)
  checkNext('policy version', state.policyVersion, version)
  if (version > POLICY_VERSION_MAX) refuse('SEQUENCE_SPENT', `a version up to ${POLICY_VERSION_MAX}`, version)
  checkNotAfter(notAfter, approved.at)
  checkFixed(state, policy)
  const hash = policyHash(policy)
  return { version, policy, policyHash: hash, prevPolicyHash, notAfter, signatures: approved.signatures }
}

/** Chain, anchor and broker are the ledger's; a closed journal is never opened again [G17]. */
function checkFixed(state: State, policy: Policy): void {
  for (const field of ['chainId', 'anchor', 'broker'] as const) {
    if (policy[field] !== state.policy[field]) refuse('POLICY_FIXED', `${field} ${state.policy[field]}`, policy[field])
  }
  if (state.policy.credits === 'signed' && policy.credits !== 'signed')
    refuse('POLICY_FIXED', 'credits signed, as once decided', policy.credits)
  // By the policy that names him: it may forgive whom the one before denied.
  const { configuration, authority } = state
  if (!isPayable({ configuration, authority, policy }, policy.treasuryOwner))
    refuse('RECIPIENT_FORBIDDEN', 'a treasuryOwner that can be paid', policy.treasuryOwner)
}

/** Never overdraws: what is reserved or paid is not there to be taken back. */
export function decideAdjust(state: State, adjust: Adjust, approved: Approved): Body<'adjust'> {
  const { adjustSeq, orchestratorId: id, deltaWei: delta, reasonHash, notAfter } = adjust
  checkQuorum(state, approved.signers)
  checkNext('adjustSeq', state.adjustSeq, adjustSeq)
  checkNotAfter(notAfter, approved.at)
  const account = accountOf(state, id)
  if (delta === 0n) throw new CodedError('AMOUNT_ZERO', 'expected a delta, got 0')
  if (delta >= AMOUNT_WEI_LIMIT || -delta >= AMOUNT_WEI_LIMIT)
    refuse('AMOUNT_TOO_LARGE', 'a delta below 2^96 wei', delta)
  if (balanceWei(account) + delta < 0n) refuse('OVERDRAW', `at most ${balanceWei(account)} wei`, -delta)
  if (state.creditedWei + delta >= LEDGER_WEI_LIMIT) refuse('LEDGER_FULL', 'a total below 2^127 wei', delta)
  const { signatures } = approved
  return { source: 'quorum', account: account.index, id, delta, adjustSeq, reasonHash, notAfter, signatures }
}

/** Credits account 0; the next commit pays it to the treasury owner by a transfer. */
export function decideDrain(state: State, drain: Drain, approved: Approved): Body<'adjust'> {
  const { drainSeq, amountWei: wei, notAfter } = drain
  checkQuorum(state, approved.signers)
  checkNext('drainSeq', state.drainSeq, drainSeq)
  checkNotAfter(notAfter, approved.at)
  if (wei === 0n) throw new CodedError('AMOUNT_ZERO', 'expected an amount, got 0')
  if (wei >= AMOUNT_WEI_LIMIT) refuse('AMOUNT_TOO_LARGE', 'an amount below 2^96 wei', wei)
  if (state.creditedWei + wei >= LEDGER_WEI_LIMIT) refuse('LEDGER_FULL', 'a total below 2^127 wei', wei)
  return { source: 'drain', account: 0, wei, drainSeq, notAfter, signatures: approved.signatures }
}

/** The way out of a lost journal: the quorum names the place and the past that counts from here on [F14]. */
export function decideReset(state: State, reset: JournalReset, approved: Approved): Body<'reset'> {
  const { atSize, atHead, newHead, notAfter } = reset
  checkQuorum(state, approved.signers)
  checkNotAfter(notAfter, approved.at)
  const head = toHash(state.journalHead)
  if (atSize !== state.journalSize || atHead !== head)
    refuse('RESET_MISMATCH', { size: state.journalSize, head }, { size: atSize, head: atHead })
  return { atSize, atHead, newHead, notAfter, signatures: approved.signatures }
}
