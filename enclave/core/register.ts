/** Who is paid for an account, pinned once and changed with a delay (protocol section 6) [A14, F4]. Decisions only. */
import type { ChangeRecipient, Register } from '../protocol/credit.ts'
import type { Body } from '../protocol/entry.ts'
import { CodedError, quote, refuse } from '../protocol/errors.ts'
import type { Address, Hex } from '../protocol/ids.ts'
import { isAddress, ZERO_ADDRESS } from '../protocol/ids.ts'
import { mayPin } from './credit.ts'
import { checkNext, checkNotAfter, checkQuorum } from './quorum.ts'
import { recipientAt } from './recipient.ts'
import type { Account, State } from './state.ts'

/** `registrar` is who made the second signature; without one the id must be the recipient's own address. */
export function decideRegister(
  state: State,
  register: Register,
  recipientSignature: Hex,
  registrar: { readonly address: Address; readonly signature: Hex } | null,
  at: number,
): Body<'register'> {
  const { orchestratorId: id, recipient, regSeq, notAfter } = register
  const account = state.byId.get(id)
  checkMode(state, id, recipient, registrar?.address ?? null)
  // Anyone has addresses without end: only what is owed already opens an account by its own signature.
  if (account === undefined && registrar === null) unknownAccount(id)
  if (account === undefined && state.accounts.length >= state.policy.accountsMax)
    refuse('LEDGER_FULL', `at most ${state.policy.accountsMax} accounts`, state.accounts.length + 1)
  if (account !== undefined && account.recipient !== ZERO_ADDRESS)
    refuse('RECIPIENT_PINNED', `no recipient of ${id} yet`, account.recipient)
  checkPin(state, id, recipient)
  checkNext('regSeq', account?.regSeq ?? 0, regSeq)
  checkNotAfter(notAfter, at)
  const fields = {
    account: account?.index ?? state.accounts.length,
    id,
    recipient,
    regSeq,
    notAfter,
    recipientSignature,
  }
  return registrar === null
    ? { source: 'recipient', ...fields }
    : { source: 'registrar', ...fields, registrarSignature: registrar.signature }
}

function checkMode({ policy }: State, id: string, recipient: Address, registrar: Address | null): void {
  const { registration, registrars } = policy
  if (registrar === null) {
    if (!registration.self || id !== recipient)
      refuse('REGISTRATION_DENIED', registration.self ? `the id ${recipient}, or a registrar` : 'a registrar', id)
  } else if (!registration.registrar || !registrars.includes(registrar)) {
    refuse('REGISTRATION_DENIED', `a registrar of ${registrars.join(' ')}`, registrar)
  }
}

function checkPin(state: State, id: string, recipient: Address): void {
  if (!mayPin(state, id, recipient)) refuse('RECIPIENT_FORBIDDEN', `a recipient that ${id} can be paid at`, recipient)
}

/** `from` signs, or a quorum in its place. The change waits; naming `from` itself withdraws one that waits. */
export function decideChange(
  state: State,
  change: ChangeRecipient,
  signatures: { readonly from: Hex | null; readonly to: Hex; readonly quorum: readonly Hex[] },
  admins: readonly Address[],
  at: number,
): Body<'register'> {
  const { orchestratorId: id, from, to, regSeq, notAfter } = change
  const account = accountOf(state, id)
  const recipient = recipientAt(state, account, at)
  if (recipient === ZERO_ADDRESS || recipient !== from) refuse('RECIPIENT_MISMATCH', recipient, from)
  if (isAddress(id)) refuse('RECIPIENT_FORBIDDEN', `${id} itself`, to)
  if (to !== from) checkPin(state, id, to)
  checkNext('regSeq', account.regSeq, regSeq)
  checkNotAfter(notAfter, at)
  if (signatures.from === null) checkQuorum(state, admins)
  else if (admins.length > 0)
    refuse('QUORUM_INVALID', 'no admins beside the signature of the old recipient', admins.length)
  return {
    source: 'change',
    account: account.index,
    id,
    recipient: to,
    from,
    regSeq,
    notAfter,
    fromSignature: signatures.from,
    toSignature: signatures.to,
    signatures: signatures.quorum,
  }
}

/** Refuses ACCOUNT_UNKNOWN. Account 0 has no id, so nothing names it [G14]. */
export function accountOf(state: State, id: string): Account {
  return state.byId.get(id) ?? unknownAccount(id)
}

function unknownAccount(id: string): never {
  throw new CodedError('ACCOUNT_UNKNOWN', `expected a known id, got ${quote(id)}`)
}
