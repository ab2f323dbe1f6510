/** Who is paid for an account: pinned once, changed with a delay, by those whom it concerns (protocol sections 3 and 6). */
import { changeRecipientStruct, registerStruct } from '../../enclave/protocol/credit.ts'
import type { Body } from '../../enclave/protocol/entry.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import { isAddress, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { accountOf, knownAccount } from './accounts.ts'
import type { Account, Ledger, Replay } from './ledger.ts'
import { demand, demandEqual, flagEntry, note } from './ledger.ts'
import { demandInTime, demandNext, demandQuorum, demandSigner, signerOf } from './signature.ts'

/** A change waits for so many landed headers, and so long. */
const CHANGE_SEQUENCES = 100
const CHANGE_SECONDS = 72 * 3_600

type Source = Body<'register'>['source']
type Registration<S extends Source> = Extract<Body<'register'>, { source: S }>

/** Nobody whom the contract refuses, and nobody whom the policy in force denies, or the one that is asked about. */
export function isPayable(ledger: Ledger, recipient: Address, policy = ledger.policy): boolean {
  const { anchor, broker } = ledger.genesis
  const never: readonly Address[] = [ZERO_ADDRESS, anchor, broker, ledger.authority]
  return !never.includes(recipient) && !policy.deniedRecipients.includes(recipient)
}

/** An id that is an address belongs to that address alone. */
export function mayPin(ledger: Ledger, id: string, recipient: Address): boolean {
  return isPayable(ledger, recipient) && (isAddress(id) ? recipient === id : true)
}

/** Whom a payout of this entry goes to: the new recipient once its change has waited. */
export function recipientNow(replay: Replay, ledger: Ledger, account: Account): Address {
  const { pending, recipient } = account
  if (pending === null) return recipient
  const landed = ledger.sequence - pending.sequence >= CHANGE_SEQUENCES
  const waited = replay.at - pending.at >= CHANGE_SECONDS
  return landed && waited ? pending.recipient : recipient
}

/** A change that has waited is carried out by the first entry that asks whom to pay. */
export function ripen(replay: Replay, ledger: Ledger, account: Account): void {
  const recipient = recipientNow(replay, ledger, account)
  if (recipient === account.recipient) return
  note(replay, ledger, 'recipient', `${account.id}: ${recipient} takes over from ${account.recipient}`)
  pinTo(ledger, account, recipient)
}

/** Failures are those of a recipient: another one begins without any. */
export function pinTo(ledger: Ledger, account: Account, recipient: Address): void {
  account.recipient = recipient
  account.pending = null
  account.failures = 0
  account.retrySequence = 0
  ledger.touched.add(account)
}

/** Signed by the recipient and a registrar; it opens the account when the id is new. */
export function replayRegistrar(replay: Replay, ledger: Ledger, body: Registration<'registrar'>): void {
  const { registration, registrars } = ledger.policy
  const { id } = body
  demandRecipientSigned(replay, ledger, body)
  demand(replay, registration.registrar, 'REGISTRATION_DENIED', id, 'a policy that takes registrars', body.source)
  const registrar = signerOf(ledger, registerStructOf(ledger, body), body.registrarSignature)
  const known = registrar !== null && registrars.includes(registrar)
  demand(replay, known, 'SIGNATURE_WRONG', `${id}: registrar`, registrars.join(' '), registrar)
  register(replay, ledger, body)
}

/** Signed by the recipient alone: its address is the id, and something is owed to it already. */
export function replaySelf(replay: Replay, ledger: Ledger, body: Registration<'recipient'>): void {
  const { id, recipient } = body
  const { registration } = ledger.policy
  demandRecipientSigned(replay, ledger, body)
  demand(replay, registration.self, 'REGISTRATION_DENIED', id, 'a policy that takes recipients alone', body.source)
  demandEqual(replay, 'REGISTRATION_DENIED', `${id}: id`, recipient, id)
  if (!ledger.byId.has(id)) return flagEntry(replay, 'ACCOUNT_UNKNOWN', id, 'an account', 'none')
  register(replay, ledger, body)
}

function demandRecipientSigned(replay: Replay, ledger: Ledger, body: Registration<'registrar' | 'recipient'>): void {
  const { id, recipient, recipientSignature: signature, notAfter } = body
  demandSigner(replay, ledger, `${id}: recipient`, recipient, { struct: registerStructOf(ledger, body), signature })
  demandInTime(replay, id, notAfter)
}

function register(replay: Replay, ledger: Ledger, body: Registration<'registrar' | 'recipient'>): void {
  const { id, recipient, regSeq } = body
  const account = accountOf(replay, ledger, body)
  if (account === undefined) return
  demandNext(replay, `${id}: regSeq`, account.regSeq, regSeq)
  account.regSeq = regSeq
  if (!demandEqual(replay, 'RECIPIENT_PINNED', id, ZERO_ADDRESS, account.recipient)) return
  demand(replay, mayPin(ledger, id, recipient), 'RECIPIENT_INVALID', id, 'a recipient that may be paid', recipient)
  note(replay, ledger, 'recipient', `${id}: ${recipient} registers by ${body.source}`)
  pinTo(ledger, account, recipient)
}

function registerStructOf(ledger: Ledger, body: Registration<'registrar' | 'recipient'>): Uint8Array {
  const { id: orchestratorId, recipient, regSeq, notAfter } = body
  return registerStruct({ ledgerId: ledger.genesis.ledgerId, orchestratorId, recipient, regSeq, notAfter })
}

/** Signed by the new recipient, and by the present one or a quorum. Naming the present one withdraws what waits. */
export function replayChange(replay: Replay, ledger: Ledger, body: Registration<'change'>): void {
  const { id, from, recipient: to, regSeq, notAfter } = body
  demandChangeSigned(replay, ledger, body)
  demandInTime(replay, id, notAfter)
  const account = knownAccount(replay, ledger, body)
  if (account === undefined) return
  ripen(replay, ledger, account)
  demand(replay, from !== ZERO_ADDRESS, 'RECIPIENT_MISMATCH', `${id}: from`, 'a pinned recipient', from)
  demandEqual(replay, 'RECIPIENT_MISMATCH', `${id}: from`, account.recipient, from)
  demand(replay, !isAddress(id), 'RECIPIENT_INVALID', id, 'an id that is no address', to)
  const legal = to === from || mayPin(ledger, id, to)
  demand(replay, legal, 'RECIPIENT_INVALID', id, 'a recipient that may be paid', to)
  demandNext(replay, `${id}: regSeq`, account.regSeq, regSeq)
  account.regSeq = regSeq
  account.pending = to === from ? null : { recipient: to, sequence: ledger.sequence, at: replay.at }
  const whose = body.fromSignature === null ? 'by a quorum' : 'by the present one'
  note(replay, ledger, 'recipient', to === from ? `${id}: change withdrawn` : `${id}: ${from} to ${to}, ${whose}`)
}

function demandChangeSigned(replay: Replay, ledger: Ledger, body: Registration<'change'>): void {
  const { id: orchestratorId, from, recipient: to, regSeq, notAfter, fromSignature, toSignature, signatures } = body
  const { ledgerId } = ledger.genesis
  const struct = changeRecipientStruct({ ledgerId, orchestratorId, from, to, regSeq, notAfter })
  demandSigner(replay, ledger, `${orchestratorId}: to`, to, { struct, signature: toSignature })
  if (fromSignature === null) return demandQuorum(replay, ledger, orchestratorId, struct, signatures)
  demandSigner(replay, ledger, `${orchestratorId}: from`, from, { struct, signature: fromSignature })
  const subject = `${orchestratorId}: signatures`
  demand(replay, signatures.length === 0, 'QUORUM_WRONG', subject, 'none beside the present recipient', signatures)
}
