/** Signing tickets: the authority is the ticket's sender. */
import { assert } from '../protocol/errors.ts'
import type { Address } from '../protocol/ids.ts'
import { type Ticket, ticketSigningDigest, WIN_PROB_ALWAYS } from '../protocol/ticket.ts'
import { addressOf, encodeCompactSignature, sign } from './secp256k1.ts'

/** A key's address takes a multiplication on the curve, as a signature does: once for each key is enough. */
const addresses = new WeakMap<Uint8Array, Address>()

/**
 * The 64-byte signature (EIP-2098) of the ticket's sender over the EIP-191 digest of its hash. TicketBroker wants the
 * 65-byte form; the anchor expands it. Only tickets of our own making reach this: no caller may name a hash.
 */
export function signTicket(ticket: Ticket, authorityKey: Uint8Array): Uint8Array {
  assert(ticket.sender === senderOf(authorityKey), 'the sender of a ticket is its signer')
  assert(ticket.winProb === WIN_PROB_ALWAYS, 'a ticket of ours always wins')
  return encodeCompactSignature(sign(ticketSigningDigest(ticket), authorityKey))
}

/** Keys are never written to after they were made, so that the array stands for its bytes. */
function senderOf(authorityKey: Uint8Array): Address {
  const known = addresses.get(authorityKey)
  if (known !== undefined) return known
  const address = addressOf(authorityKey)
  addresses.set(authorityKey, address)
  return address
}
