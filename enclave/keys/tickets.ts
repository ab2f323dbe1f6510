/** Signing tickets: the authority is the ticket's sender. */
import { assert } from '../protocol/errors.ts'
import { type Ticket, ticketDigest, ticketHash, WIN_PROB_ALWAYS } from '../protocol/ticket.ts'
import { addressOf, encodeCompactSignature, sign } from './secp256k1.ts'

/**
 * The 64-byte signature (EIP-2098) of the ticket's sender over the EIP-191 digest of its hash. TicketBroker wants the
 * 65-byte form; the anchor expands it. Only tickets of our own making reach this: no caller may name a hash.
 */
export function signTicket(ticket: Ticket, authorityKey: Uint8Array): Uint8Array {
  assert(ticket.sender === addressOf(authorityKey), 'the sender of a ticket is its signer')
  assert(ticket.winProb === WIN_PROB_ALWAYS, 'a ticket of ours always wins')
  return encodeCompactSignature(sign(ticketDigest(ticketHash(ticket)), authorityKey))
}
