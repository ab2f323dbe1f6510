/** What a signer signs: a ticket that it has seen whole, and calls of one broker. Each by the policy, or not at all. */
import { encodeSignature, sign } from '../keys/secp256k1.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { toHex } from '../protocol/ids.ts'
import { type SignerParams, type SignerResults, ticketForm } from '../protocol/signer-methods.ts'
import { type Ticket, ticketDigest, ticketHash } from '../protocol/ticket.ts'
import { readCall } from './calldata.ts'
import { judgeTicket, judgeTransaction, type Verdict } from './policy.ts'
import { configurationOf, keyOf, type Signer } from './signer.ts'
import { readTransaction, signTransaction } from './transaction.ts'

/** Refuses SIGNER_TRANSACTION, SIGNER_CALLDATA, SIGNER_POLICY. */
export function signTransactionOf(
  signer: Signer,
  params: SignerParams<'sign_transaction'>,
): SignerResults['sign_transaction'] {
  const { privateKey, address } = keyOf(signer)
  const transaction = readTransaction(params.tx)
  const call = readCall(transaction.data)
  demand(judgeTransaction(configurationOf(signer), address, transaction, call))
  return { raw_tx: signTransaction(transaction, privateKey) }
}

/**
 * EIP-191 over `message_hash`, 65 bytes r ‖ s ‖ v. The replaced signer signed any hash, and a hash may be anything: a
 * ticket for the whole deposit, or what another contract takes for a consent. Refuses SIGNER_TICKET, SIGNER_POLICY.
 */
export function signMessage(
  signer: Signer,
  { message_hash: messageHash, ticket: given }: SignerParams<'sign_message_defunct'>,
): SignerResults['sign_message_defunct'] {
  const { privateKey, address } = keyOf(signer)
  const ticket = readTicket(given)
  const hash = ticketHash(ticket)
  if (hash !== messageHash) refuse('SIGNER_TICKET', `message_hash ${hash}, the hash of the ticket`, messageHash)
  demand(judgeTicket(configurationOf(signer).policy, address, ticket))
  return { signature: toHex(encodeSignature(sign(ticketDigest(hash), privateKey))) }
}

const FIELDS = Object.keys(ticketForm.shape).join(', ')
const ISSUES_SHOWN_MAX = 3

function readTicket(given: unknown): Ticket {
  if (given === undefined)
    refuse('SIGNER_TICKET', `ticket {${FIELDS}} beside message_hash`, 'a hash alone, which could be of anything')
  const parsed = ticketForm.safeParse(given)
  if (!parsed.success) {
    const issues = parsed.error.issues
      .slice(0, ISSUES_SHOWN_MAX)
      .map(({ path, message }) => `${['ticket', ...path].join('.')}: ${message}`)
    throw new CodedError('SIGNER_TICKET', issues.join('; '))
  }
  const { faceValue: faceValueWei, ...fields } = parsed.data
  return { ...fields, faceValueWei }
}

function demand(verdict: Verdict): void {
  if (verdict.kind === 'refused') throw new CodedError('SIGNER_POLICY', verdict.reason)
}
