/** A model of Livepeer's TicketBroker, as far as one sender's tickets go. */

import { decodeCompactSignature, recoverAddress } from '../../../enclave/keys/secp256k1.ts'
import { type Address, type Hash, toHash } from '../../../enclave/protocol/ids.ts'
import {
  type Payouts,
  payoutTicket,
  recipientRand,
  recipientRandHash,
  type Ticket,
  type TicketPayout,
  ticketDigest,
  ticketHash,
} from '../../../enclave/protocol/ticket.ts'
import { FOREIGN_ERROR, Reverted } from './reverted.ts'
import type { Rules } from './rules.ts'
import { addDeposit, type BrokerBody, type ChainState, depositOf } from './state.ts'

const AUX_ROUND_BYTES = 32

/** fundDepositAndReserveFor(authority, sum, 0), out of the treasury. */
export function fundTickets(state: ChainState, sumWei: bigint): void {
  if (state.paused) throw new Reverted(FOREIGN_ERROR)
  state.treasuryWei -= sumWei
  addDeposit(state, state.authority, sumWei)
}

/** Redeems one payout of a commit as the anchor does; a refusal names the position. */
export function redeemOurs(
  state: ChainState,
  rules: Rules,
  payouts: Payouts,
  payout: TicketPayout,
  position: number,
): BrokerBody[] {
  const { round, firstPayoutId } = payouts
  if (round === null) throw new Reverted('AnchorRound')
  const payoutId = firstPayoutId + position
  const { authority: sender, session } = state
  const ticket = payoutTicket({
    sender,
    session,
    recipient: payout.recipient,
    amountWei: payout.amountWei,
    payoutId,
    round,
  })
  const events = redeem(state, rules, ticket, payout.signature64, recipientRand(session, payoutId))
  if (events === undefined) throw new Reverted('AnchorTicketFailed', position)
  if (events.length === 0) return events
  state.receivedWei = new Map(state.receivedWei).set(
    payout.recipient,
    (state.receivedWei.get(payout.recipient) ?? 0n) + payout.amountWei,
  )
  return events
}

/** Redeems any ticket of the authority; undefined when the broker refuses it, and nothing where it keeps what it has. */
export function redeem(
  state: ChainState,
  rules: Rules,
  ticket: Ticket,
  signature64: Uint8Array,
  rand: bigint,
): BrokerBody[] | undefined {
  if (state.brokerKeeps) return []
  if (state.paused || !state.roundOpen) return undefined
  const hash = ticketHash(ticket)
  if (!roundHolds(state, rules, ticket) || recipientRandHash(rand) !== ticket.recipientRandHash) return undefined
  if (state.used.has(hash)) return undefined
  if (rules.recoverTickets && !isSigned(hash, signature64, ticket.sender)) return undefined
  const { sender, recipient, faceValueWei, senderNonce } = ticket
  const depositWei = depositOf(state, sender)
  const enough = rules.version === 'v1' ? depositWei > 0n : depositWei >= faceValueWei
  if (!enough || !state.payable.has(recipient)) return undefined
  state.used = new Set(state.used).add(hash)
  // Under the older rules a ticket is burnt for whatever the deposit holds.
  const isCovered = depositWei >= faceValueWei
  const amountWei = isCovered ? faceValueWei : depositWei
  addDeposit(state, sender, -amountWei)
  return [
    { kind: 'moved', sender, recipient, amountWei, payoutId: null },
    { kind: 'redeemed', sender, recipient, amountWei: faceValueWei, payoutId: senderNonce },
  ]
}

function roundHolds(state: ChainState, rules: Rules, { auxData }: Ticket): boolean {
  const round = Number(BigInt(toHash(auxData.subarray(0, AUX_ROUND_BYTES))))
  const hash: Hash = toHash(auxData.subarray(AUX_ROUND_BYTES))
  return state.roundHashes.get(round) === hash && round + rules.ticketValidityRounds > state.round
}

function isSigned(hash: Hash, signature64: Uint8Array, sender: Address): boolean {
  return recoverAddress(ticketDigest(hash), decodeCompactSignature(signature64)) === sender
}
