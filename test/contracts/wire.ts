import { type Address, concat, encodeAbiParameters, getAddress, type Hex, keccak256, numberToHex, toHex } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'

/** winProb of a ticket that always wins, but for a hash of all ones. */
const WIN_ALWAYS = 2n ** 256n - 1n

export const ANCHOR_TYPES = {
  Open: [
    { name: 'epoch', type: 'uint48' },
    { name: 'head', type: 'bytes32' },
    { name: 'session', type: 'address' },
    { name: 'attestationDigest', type: 'bytes32' },
  ],
  Commit: [
    { name: 'epoch', type: 'uint48' },
    { name: 'sequence', type: 'uint48' },
    { name: 'prev', type: 'bytes32' },
    { name: 'next', type: 'bytes32' },
    { name: 'payoutsHash', type: 'bytes32' },
    { name: 'balanceRoot', type: 'bytes32' },
    { name: 'logRoot', type: 'bytes32' },
    { name: 'logSize', type: 'uint64' },
  ],
  Rotate: [
    { name: 'epoch', type: 'uint48' },
    { name: 'head', type: 'bytes32' },
    { name: 'newAuthority', type: 'address' },
    { name: 'attestationDigest', type: 'bytes32' },
  ],
} as const

/** One payee and his wei; the kind is told by the list he stands in. */
export interface Payee {
  readonly recipient: Address
  readonly amountWei: bigint
}

export interface Commit {
  readonly epoch: number
  readonly sequence: number
  readonly prev: Hex
  readonly next: Hex
  readonly payoutsHash: Hex
  readonly balanceRoot: Hex
  readonly logRoot: Hex
  readonly logSize: bigint
}

export interface Open {
  readonly epoch: number
  readonly head: Hex
  readonly session: Address
  readonly attestationDigest: Hex
}

export interface Rotate {
  readonly epoch: number
  readonly head: Hex
  readonly newAuthority: Address
  readonly attestationDigest: Hex
}

/** A key that no other name gives. */
export function keyOf(name: string): PrivateKeyAccount {
  return privateKeyToAccount(keccak256(toHex(`anchorhold test key ${name}`)))
}

/** An address without a key, cheap to make in numbers. */
export function addressOf(name: string): Address {
  return getAddress(`0x${keccak256(toHex(`anchorhold test address ${name}`)).slice(-40)}`)
}

/** The payouts of a commit, packed as the anchor reads them. */
export function packPayouts(head: { round: bigint; roundHash: Hex; firstPayoutId: bigint }, lists: PackedLists): Hex {
  const tickets = lists.tickets.map(({ recipient, amountWei, signature }) =>
    concat([recipient, numberToHex(amountWei, { size: 12 }), signature]),
  )
  const transfers = lists.transfers.map(({ recipient, amountWei }) =>
    concat([recipient, numberToHex(amountWei, { size: 12 })]),
  )
  return concat([
    numberToHex(head.round, { size: 8 }),
    head.roundHash,
    numberToHex(head.firstPayoutId, { size: 8 }),
    numberToHex(lists.tickets.length, { size: 2 }),
    ...tickets,
    ...transfers,
  ])
}

interface PackedLists {
  readonly tickets: readonly (Payee & { readonly signature: Hex })[]
  readonly transfers: readonly Payee[]
}

export interface TicketFields {
  readonly sender: Address
  readonly session: Address
  readonly payee: Payee
  readonly payoutId: bigint
  readonly round: bigint
  readonly roundHash: Hex
}

/** The broker's ticket for one payout and the rand that redeems it. */
export function ticketOf(fields: TicketFields) {
  const recipientRand = (BigInt(fields.session) << 64n) | fields.payoutId
  return {
    recipientRand,
    ticket: {
      recipient: fields.payee.recipient,
      sender: fields.sender,
      faceValue: fields.payee.amountWei,
      winProb: WIN_ALWAYS,
      senderNonce: fields.payoutId,
      recipientRandHash: keccak256(numberToHex(recipientRand, { size: 32 })),
      auxData: concat([numberToHex(fields.round, { size: 32 }), fields.roundHash]),
    },
  }
}

export type Ticket = ReturnType<typeof ticketOf>['ticket']

/** keccak256 of the packed fields, as the broker computes it. */
export function ticketHash(ticket: Ticket): Hex {
  return keccak256(
    concat([
      ticket.recipient,
      ticket.sender,
      numberToHex(ticket.faceValue, { size: 32 }),
      numberToHex(ticket.winProb, { size: 32 }),
      numberToHex(ticket.senderNonce, { size: 32 }),
      ticket.recipientRandHash,
      ticket.auxData,
    ]),
  )
}

/** r ‖ s ‖ v and its EIP-2098 form. */
export async function signTicket(signer: Pick<PrivateKeyAccount, 'signMessage'>, ticket: Ticket) {
  const full = await signer.signMessage({ message: { raw: ticketHash(ticket) } })
  return { full, compact: compactOf(full) }
}

/** The EIP-2098 form of a 65-byte signature. */
export function compactOf(full: Hex): Hex {
  const yParity = full.endsWith('1c') ? 1n : 0n
  const s = BigInt(`0x${full.slice(66, 130)}`)
  return concat([full.slice(0, 66) as Hex, numberToHex((yParity << 255n) | s, { size: 32 })])
}

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** The other valid ECDSA form of a 65-byte signature: s becomes n − s and v flips. */
export function highS(sig: Hex): Hex {
  const s = CURVE_ORDER - BigInt(`0x${sig.slice(66, 130)}`)
  return concat([sig.slice(0, 66) as Hex, numberToHex(s, { size: 32 }), sig.endsWith('1b') ? '0x1c' : '0x1b'])
}

/** keccak256(payouts ‖ skip as 16 bytes). */
export function payoutsHashOf(payouts: Hex, skip: bigint): Hex {
  return keccak256(concat([payouts, numberToHex(skip, { size: 16 })]))
}

/** The head after a commit that paid `bitmap`. */
export function foldedHead(next: Hex, bitmap: bigint): Hex {
  return keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [next, bitmap]))
}

/** A number as one 32-byte word. */
export const word = (value: bigint | number): Hex => numberToHex(value, { size: 32 })
