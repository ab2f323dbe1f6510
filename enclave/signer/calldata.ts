/**
 * The three calls of the TicketBroker that a signer knows, read from calldata in their one canonical encoding. Solidity also
 * takes others: overlapping tails, offsets that lead back, bytes behind the end. Two readers could then see two calls.
 */
import { refuse } from '../protocol/errors.ts'
import { ADDRESS_BYTES, type Address, type Hex, toHash, toHex } from '../protocol/ids.ts'
import { SIGNER_BATCH_MAX } from '../protocol/signer-configuration.ts'
import { AUX_DATA_BYTES, type Ticket } from '../protocol/ticket.ts'
import { WORD_BYTES } from '../protocol/words.ts'

export type Call =
  | { readonly kind: 'fundDeposit' }
  | { readonly kind: 'redeemWinningTicket'; readonly tickets: readonly [Ticket] }
  | { readonly kind: 'batchRedeemWinningTickets'; readonly tickets: readonly Ticket[] }
  /** Any other function: a matter for the policy, which knows none. */
  | { readonly kind: 'other'; readonly selector: Hex }

export const SELECTORS = {
  fundDeposit: '0x6caa736b',
  redeemWinningTicket: '0xec8b3cb6',
  batchRedeemWinningTickets: '0xd01b808e',
} as const satisfies { readonly [name: string]: Hex }

const SELECTOR_BYTES = 4
const SIGNATURE_BYTES = 65
/** Static words of a ticket: six fields and the offset of auxData. */
const TICKET_HEAD_BYTES = 7 * WORD_BYTES
const CALL_HEAD_BYTES = 3 * WORD_BYTES

/** The call that `data` encodes. Refuses SIGNER_CALLDATA for every other encoding of a known call. */
export function readCall(data: Uint8Array): Call {
  const selector = toHex(data.subarray(0, SELECTOR_BYTES))
  const cursor = new Cursor(data.subarray(SELECTOR_BYTES))
  switch (selector) {
    case SELECTORS.fundDeposit:
      cursor.end()
      return { kind: 'fundDeposit' }
    case SELECTORS.redeemWinningTicket:
      return { kind: 'redeemWinningTicket', tickets: [readRedemption(cursor)] }
    case SELECTORS.batchRedeemWinningTickets:
      return { kind: 'batchRedeemWinningTickets', tickets: readBatch(cursor) }
    default:
      return { kind: 'other', selector }
  }
}

/** (Ticket ticket, bytes sig, uint256 recipientRand) */
function readRedemption(cursor: Cursor): Ticket {
  cursor.offset('ticket', CALL_HEAD_BYTES)
  const sigAt = cursor.uint()
  cursor.word() // recipientRand: whichever it is, the broker compares it with the ticket's own hash of it.
  const ticket = readTicket(cursor)
  cursor.reached('sig', sigAt)
  cursor.bytes('sig', [SIGNATURE_BYTES])
  cursor.end()
  return ticket
}

/** (Ticket[] tickets, bytes[] sigs, uint256[] recipientRands), of one length. */
function readBatch(cursor: Cursor): Ticket[] {
  cursor.offset('tickets', CALL_HEAD_BYTES)
  const sigsAt = cursor.uint()
  const randsAt = cursor.uint()
  const tickets = readTails(cursor, 'tickets', readTicket)
  cursor.reached('sigs', sigsAt)
  const sigs = readTails(cursor, 'sigs', (from) => from.bytes('sig', [SIGNATURE_BYTES]))
  cursor.reached('recipientRands', randsAt)
  const rands = cursor.count('recipientRands')
  for (let at = 0; at < rands; at++) cursor.word()
  cursor.end()
  // With fewer the broker reverts, and it passes over what is too much.
  if (sigs.length !== tickets.length || rands !== tickets.length)
    misfit(`${tickets.length} sigs and recipientRands`, `${sigs.length} and ${rands}`)
  return tickets
}

/** An array of dynamic items: its count, then an offset for each, then the items one behind the other. */
function readTails<T>(cursor: Cursor, name: string, read: (cursor: Cursor) => T): T[] {
  const count = cursor.count(name)
  const base = cursor.at
  const offsets = Array.from({ length: count }, () => cursor.uint())
  return offsets.map((offset, at) => {
    cursor.reached(`${name}[${at}]`, offset, base)
    return read(cursor)
  })
}

function readTicket(cursor: Cursor): Ticket {
  const recipient = cursor.address('recipient')
  const sender = cursor.address('sender')
  const faceValueWei = cursor.uint()
  const winProb = cursor.uint()
  const senderNonce = cursor.uint()
  const recipientRandHash = toHash(cursor.word())
  cursor.offset('auxData', TICKET_HEAD_BYTES)
  const auxData = cursor.bytes('auxData', [0, AUX_DATA_BYTES])
  return { recipient, sender, faceValueWei, winProb, senderNonce, recipientRandHash, auxData }
}

/** Reads words from the first to the last; an offset may only name the place where the cursor stands anyway. */
class Cursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  word(): Uint8Array {
    const end = this.#at + WORD_BYTES
    if (end > this.#bytes.length) misfit(`a word at byte ${this.#at}`, `${this.#bytes.length} bytes`)
    const word = this.#bytes.slice(this.#at, end)
    this.#at = end
    return word
  }

  uint(): bigint {
    return BigInt(toHex(this.word()))
  }

  address(name: string): Address {
    const word = this.word()
    const pad = WORD_BYTES - ADDRESS_BYTES
    if (word.subarray(0, pad).some((byte) => byte !== 0)) misfit(`${name} as a word of 20 bytes`, toHex(word))
    return toHex(word.subarray(pad)) as Address
  }

  /** The count of an array. Judged before anything is made of that size. */
  count(name: string): number {
    const count = this.uint()
    if (count < 1n || count > BigInt(SIGNER_BATCH_MAX)) misfit(`1 to ${SIGNER_BATCH_MAX} ${name}`, count.toString())
    return Number(count)
  }

  /** An offset word with the one value that it can have. */
  offset(name: string, expected: number): void {
    const got = this.uint()
    if (got !== BigInt(expected)) misfit(`offset ${expected} of ${name}`, got.toString())
  }

  /** An offset that was read before leads to here. */
  reached(name: string, offset: bigint, base = 0): void {
    if (offset !== BigInt(this.#at - base)) misfit(`offset ${this.#at - base} of ${name}`, offset.toString())
  }

  bytes(name: string, lengths: readonly number[]): Uint8Array {
    const announced = this.uint()
    const length = lengths.find((one) => BigInt(one) === announced)
    if (length === undefined) misfit(`${lengths.join(' or ')} bytes of ${name}`, announced.toString())
    const padded = new Uint8Array(Math.ceil(length / WORD_BYTES) * WORD_BYTES)
    for (let at = 0; at < padded.length; at += WORD_BYTES) padded.set(this.word(), at)
    if (padded.subarray(length).some((byte) => byte !== 0)) misfit(`zeros behind ${name}`, 'something else')
    return padded.slice(0, length)
  }

  end(): void {
    const rest = this.#bytes.length - this.#at
    if (rest !== 0) misfit('the end of the data', `${rest} more bytes`)
  }
}

function misfit(expected: string, got: string): never {
  refuse('SIGNER_CALLDATA', expected, got)
}

/** The three, as a refusal names them. */
export function selectorNames(): string {
  return Object.entries(SELECTORS)
    .map(([name, selector]) => `${selector} ${name}`)
    .join(', ')
}
