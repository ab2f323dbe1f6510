/**
 * Livepeer tickets, and the packed payouts that LedgerAnchor.commitAndPay reads (protocol section 4).
 * A ticket is a bearer cheque: its hash names neither chain nor broker, so what keeps it harmless is that the
 * sender's deposit is zero outside commitAndPay.
 */
import { assert, CodedError } from './errors.ts'
import { keccak256 } from './hash.ts'
import { ADDRESS_BYTES, type Address, fromHex, HASH_BYTES, type Hash, toHash, toHex, ZERO_HASH } from './ids.ts'
import { AMOUNT_WEI_LIMIT, type Wei } from './money.ts'
import { concatBytes, putUintWord, uintWord, utf8, WORD_BYTES } from './words.ts'

/** A ticket as TicketBroker hashes it. The integers are uint256; auxData is empty or 64 bytes. */
export type Ticket = {
  readonly recipient: Address
  readonly sender: Address
  readonly faceValueWei: bigint
  readonly winProb: bigint
  readonly senderNonce: bigint
  readonly recipientRandHash: Hash
  readonly auxData: Uint8Array
}

/** A Livepeer round and its block hash, both as the RoundsManager has them. */
export type TicketRound = { readonly number: number; readonly hash: Hash }
/** signature64: EIP-2098 over the EIP-191 digest of the ticket's hash. */
export type TicketPayout = { readonly recipient: Address; readonly amountWei: Wei; readonly signature64: Uint8Array }
export type TransferPayout = { readonly recipient: Address; readonly amountWei: Wei }

/** Payout i is tickets[i], then transfers[i − tickets.length]; its payoutId is firstPayoutId + i. */
export type Payouts = {
  readonly round: TicketRound | null
  readonly firstPayoutId: number
  readonly tickets: readonly TicketPayout[]
  readonly transfers: readonly TransferPayout[]
}

/** Tickets and transfers of one commit together: the bitmap of the contract and the block's gas set this bound. */
export const PAYOUTS_MAX = 128
/** payoutId stays below this, since go-livepeer keeps senderNonce in 32 bits. */
export const PAYOUT_ID_LIMIT = 2 ** 32
/** Every ticket of ours wins: it loses only against a hash of all ones. */
export const WIN_PROB_ALWAYS = 2n ** 256n - 1n
export const AUX_DATA_BYTES = 64
/** Bytes of a packed ticket with its auxData. */
const TICKET_BYTES = 232

const FACE_VALUE_AT = 2 * ADDRESS_BYTES
const PACKED_AUX_DATA_AT = TICKET_BYTES - AUX_DATA_BYTES
const HEAD_BYTES = 50
const TICKET_PAYOUT_BYTES = 96
const TRANSFER_PAYOUT_BYTES = 32
const SIGNATURE_BYTES = 64
const AMOUNT_BYTES = 12
const SKIP_BYTES = 16
const U64_BYTES = 8
const U16_BYTES = 2
const ROUND_HASH_AT = U64_BYTES
const FIRST_PAYOUT_ID_AT = ROUND_HASH_AT + HASH_BYTES
const TICKETS_AT = FIRST_PAYOUT_ID_AT + U64_BYTES
const EIP191_PREFIX = utf8('\x19Ethereum Signed Message:\n32')
const SESSION_SHIFT_BITS = 64n

/** The ticket of one payout, exactly as the anchor builds it from the packed bytes. */
export function payoutTicket(payout: {
  readonly sender: Address
  readonly session: Address
  readonly recipient: Address
  readonly amountWei: Wei
  readonly payoutId: number
  readonly round: TicketRound
}): Ticket {
  return {
    recipient: payout.recipient,
    sender: payout.sender,
    faceValueWei: payout.amountWei,
    winProb: WIN_PROB_ALWAYS,
    senderNonce: BigInt(payout.payoutId),
    recipientRandHash: recipientRandHash(recipientRand(payout.session, payout.payoutId)),
    auxData: auxData(payout.round),
  }
}

/** (uint160(session) << 64) | payoutId: a stray ticket of another boot never has the hash of a ticket of this one. */
export function recipientRand(session: Address, payoutId: number): bigint {
  assert(Number.isSafeInteger(payoutId) && payoutId >= 1 && payoutId < PAYOUT_ID_LIMIT, 'a payoutId is 1..2^32-1')
  return (BigInt(session) << SESSION_SHIFT_BITS) | BigInt(payoutId)
}

/** keccak256 of the 32-byte recipientRand. */
export function recipientRandHash(rand: bigint): Hash {
  return toHash(keccak256(uintWord(rand)))
}

/** uint256 round ‖ its block hash; empty when both are zero, as go-livepeer has it (such a ticket is not redeemable). */
export function auxData(round: TicketRound): Uint8Array {
  if (round.number === 0 && round.hash === ZERO_HASH) return new Uint8Array(0)
  return concatBytes(uintWord(round.number), fromHex(round.hash))
}

/** The packed fields in the order of TicketBroker: 20 + 20 + 32 + 32 + 32 + 32 bytes, then auxData. */
export function packTicket(ticket: Ticket): Uint8Array {
  return layTicket(ticket).slice()
}

/** keccak256 of the packed ticket: what TicketBroker.getTicketHash returns and usedTickets is keyed by. */
export function ticketHash(ticket: Ticket): Hash {
  return toHash(keccak256(layTicket(ticket)))
}

/** The 32-byte digest that the sender signs: EIP-191 over the ticket's hash. */
export function ticketDigest(hash: Hash): Uint8Array {
  return personalDigest(fromHex(hash))
}

/** ticketDigest of ticketHash, for one who signs many: without the hash as text in between. */
export function ticketSigningDigest(ticket: Ticket): Uint8Array {
  return personalDigest(keccak256(layTicket(ticket)))
}

/** Laid out here and copied or hashed at once: an array of this size of its own would cost as much as its hash. */
const packed = new Uint8Array(TICKET_BYTES)
const packedView = new DataView(packed.buffer)

function layTicket(ticket: Ticket): Uint8Array {
  const { auxData: aux } = ticket
  assert(aux.length === 0 || aux.length === AUX_DATA_BYTES, 'auxData is empty or has 64 bytes')
  packed.set(fromHex(ticket.recipient), 0)
  packed.set(fromHex(ticket.sender), ADDRESS_BYTES)
  putUintWord(packedView, FACE_VALUE_AT, ticket.faceValueWei)
  putUintWord(packedView, FACE_VALUE_AT + WORD_BYTES, ticket.winProb)
  putUintWord(packedView, FACE_VALUE_AT + 2 * WORD_BYTES, ticket.senderNonce)
  packed.set(fromHex(ticket.recipientRandHash), FACE_VALUE_AT + 3 * WORD_BYTES)
  packed.set(aux, PACKED_AUX_DATA_AT)
  return packed.subarray(0, PACKED_AUX_DATA_AT + aux.length)
}

const framed = concatBytes(EIP191_PREFIX, new Uint8Array(HASH_BYTES))

function personalDigest(hash: Uint8Array): Uint8Array {
  assert(hash.length === HASH_BYTES, 'a hash has 32 bytes')
  framed.set(hash, EIP191_PREFIX.length)
  return keccak256(framed)
}

/** Packs the payouts of one commit. What it is given has been decided inside, so a value out of range is a bug. */
export function packPayouts(payouts: Payouts): Uint8Array {
  assertPackable(payouts)
  const { tickets, transfers } = payouts
  const transfersAt = HEAD_BYTES + tickets.length * TICKET_PAYOUT_BYTES
  const bytes = new Uint8Array(transfersAt + transfers.length * TRANSFER_PAYOUT_BYTES)
  writeHead(bytes, payouts)
  for (const [index, ticket] of tickets.entries()) {
    const at = HEAD_BYTES + index * TICKET_PAYOUT_BYTES
    writePayee(bytes, at, ticket)
    bytes.set(ticket.signature64, at + TRANSFER_PAYOUT_BYTES)
  }
  for (const [index, transfer] of transfers.entries())
    writePayee(bytes, transfersAt + index * TRANSFER_PAYOUT_BYTES, transfer)
  return bytes
}

/**
 * Reads packed payouts, by the rules of the contract. Refuses PAYOUTS_SYNTAX: length not exact, no payout or more than
 * PAYOUTS_MAX, a payoutId outside 1..2^32−1, a zero recipient or amount, tickets without a round, a round without tickets.
 */
export function parsePayouts(bytes: Uint8Array): Payouts {
  if (bytes.length < HEAD_BYTES) refuseSyntax(`a head of ${HEAD_BYTES} bytes`, `${bytes.length} bytes`)
  const ticketCount = Number(readUint(bytes, TICKETS_AT, U16_BYTES))
  const rest = bytes.length - HEAD_BYTES - ticketCount * TICKET_PAYOUT_BYTES
  const transferCount = rest / TRANSFER_PAYOUT_BYTES
  if (rest < 0 || !Number.isInteger(transferCount)) {
    refuseSyntax(`${ticketCount} tickets and whole transfers`, `${bytes.length} bytes`)
  }
  const count = ticketCount + transferCount
  if (count < 1 || count > PAYOUTS_MAX) refuseSyntax(`1 to ${PAYOUTS_MAX} payouts`, `${count}`)
  return {
    round: parseRound(bytes, ticketCount),
    firstPayoutId: parseFirstPayoutId(bytes, count),
    tickets: Array.from({ length: ticketCount }, (_, index) =>
      parseTicket(bytes, HEAD_BYTES + index * TICKET_PAYOUT_BYTES),
    ),
    transfers: Array.from({ length: transferCount }, (_, index) =>
      parsePayee(bytes, bytes.length - (transferCount - index) * TRANSFER_PAYOUT_BYTES),
    ),
  }
}

/** keccak256(payouts ‖ skip as 16 bytes): the payoutsHash of a Commit. Bit i of `skip` leaves payout i out. */
export function payoutsHash(packed: Uint8Array, skip: bigint): Hash {
  assert(skip >= 0n && skip < 2n ** BigInt(PAYOUTS_MAX), 'skip has a bit for each of 128 payouts')
  return toHash(keccak256(concatBytes(packed, uintWord(skip).subarray(WORD_BYTES - SKIP_BYTES))))
}

function assertPackable({ round, firstPayoutId, tickets, transfers }: Payouts): void {
  const count = tickets.length + transfers.length
  assert(count >= 1 && count <= PAYOUTS_MAX, 'one commit carries 1..128 payouts')
  assert(Number.isSafeInteger(firstPayoutId) && firstPayoutId >= 1, 'payoutIds count from 1')
  assert(firstPayoutId + count <= PAYOUT_ID_LIMIT, 'payoutIds stay below 2^32')
  assert((round !== null) === tickets.length > 0, 'a round is given exactly when there are tickets')
  assert(round === null || (Number.isSafeInteger(round.number) && round.number > 0), 'a round number is above zero')
  assert(round?.hash !== ZERO_HASH, 'a round hash is not zero')
  assert(
    tickets.every(({ signature64 }) => signature64.length === SIGNATURE_BYTES),
    'a ticket signature has 64 bytes',
  )
}

function writeHead(bytes: Uint8Array, { round, firstPayoutId, tickets }: Payouts): void {
  writeUint(bytes, 0, U64_BYTES, BigInt(round?.number ?? 0))
  bytes.set(fromHex(round?.hash ?? ZERO_HASH), ROUND_HASH_AT)
  writeUint(bytes, FIRST_PAYOUT_ID_AT, U64_BYTES, BigInt(firstPayoutId))
  writeUint(bytes, TICKETS_AT, U16_BYTES, BigInt(tickets.length))
}

function writePayee(bytes: Uint8Array, at: number, { recipient, amountWei }: TransferPayout): void {
  assert(amountWei > 0n && amountWei < AMOUNT_WEI_LIMIT, 'a payout is above zero and below 2^96 wei')
  bytes.set(fromHex(recipient), at)
  writeUint(bytes, at + ADDRESS_BYTES, AMOUNT_BYTES, amountWei)
}

function parseRound(bytes: Uint8Array, ticketCount: number): TicketRound | null {
  const number = Number(readUint(bytes, 0, U64_BYTES))
  const hash = toHash(bytes.subarray(ROUND_HASH_AT, FIRST_PAYOUT_ID_AT))
  if (!Number.isSafeInteger(number)) refuseSyntax('a round number below 2^53', `${number}`)
  if (ticketCount > 0) {
    if (number === 0 || hash === ZERO_HASH) refuseSyntax('a round number and hash beside tickets', 'zero')
    return { number, hash }
  }
  if (number !== 0 || hash !== ZERO_HASH) refuseSyntax('zero round fields without tickets', `round ${number}`)
  return null
}

function parseFirstPayoutId(bytes: Uint8Array, count: number): number {
  const first = readUint(bytes, FIRST_PAYOUT_ID_AT, U64_BYTES)
  if (first < 1n || first + BigInt(count) > BigInt(PAYOUT_ID_LIMIT))
    refuseSyntax('payoutIds within 1..2^32-1', `first ${first}`)
  return Number(first)
}

function parseTicket(bytes: Uint8Array, at: number): TicketPayout {
  return { ...parsePayee(bytes, at), signature64: bytes.slice(at + TRANSFER_PAYOUT_BYTES, at + TICKET_PAYOUT_BYTES) }
}

function parsePayee(bytes: Uint8Array, at: number): TransferPayout {
  const recipient = toHex(bytes.subarray(at, at + ADDRESS_BYTES)) as Address
  const amountWei = readUint(bytes, at + ADDRESS_BYTES, AMOUNT_BYTES) as Wei
  if (BigInt(recipient) === 0n || amountWei === 0n)
    refuseSyntax('a recipient and an amount above zero', `${recipient}, ${amountWei} wei`)
  return { recipient, amountWei }
}

function writeUint(bytes: Uint8Array, at: number, width: number, value: bigint): void {
  assert(value >= 0n, 'an unsigned integer is not negative')
  let rest = value
  for (let index = at + width - 1; index >= at; index--) {
    bytes[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  assert(rest === 0n, `an integer fits its ${width} bytes`)
}

function readUint(bytes: Uint8Array, at: number, width: number): bigint {
  return BigInt(toHex(bytes.subarray(at, at + width)))
}

function refuseSyntax(expected: string, got: string): never {
  throw new CodedError('PAYOUTS_SYNTAX', `expected packed payouts with ${expected}, got ${got}`)
}
