/** Who is paid for an account, now and after a change that waits (protocol section 6) [A14]. */
import type { Address } from '../protocol/ids.ts'
import { ZERO_ADDRESS } from '../protocol/ids.ts'
import { type Account, pinRecipient, type State, touch } from './state.ts'

/** A change of recipient waits for so many landed headers, and so long by `at`: its old owner can still object. */
export const RECIPIENT_CHANGE_SEQUENCES = 100
export const RECIPIENT_CHANGE_SECONDS = 72 * 3_600

/** The recipient of a payout at `atSeconds`: the new one once its change has waited. */
export function recipientAt(state: State, account: Account, atSeconds: number): Address {
  const { pending } = account
  return pending !== null && isRipe(state, pending, atSeconds) ? pending.recipient : account.recipient
}

/** Carries out a change that has waited, by the state's own `at`. */
export function ripenRecipient(state: State, account: Account): void {
  const recipient = recipientAt(state, account, state.at)
  if (recipient === account.recipient) return
  touch(state, account.index)
  pinRecipient(state, account, recipient)
}

function isRipe(state: State, pending: NonNullable<Account['pending']>, atSeconds: number): boolean {
  return (
    state.sequence >= pending.sequence + RECIPIENT_CHANGE_SEQUENCES &&
    atSeconds >= pending.at + RECIPIENT_CHANGE_SECONDS
  )
}

type Rules = Pick<State, 'configuration' | 'authority' | 'policy'>

/** Nobody the contract would refuse, and nobody the policy denies: one such payee would revert the payouts of all. */
export function isPayable({ configuration, authority, policy }: Rules, recipient: Address): boolean {
  const never: readonly Address[] = [ZERO_ADDRESS, configuration.anchor, configuration.broker, authority]
  return !never.includes(recipient) && !policy.deniedRecipients.includes(recipient)
}
