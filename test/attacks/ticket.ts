/** Takes a ticket out of a signed commit and brings it to Livepeer's broker, as anyone can who sees the transaction. */
import { strict as assert } from 'node:assert'
import { encodeFunctionData, parseEventLogs } from 'viem'
import { decodeAnchorCall } from '../../enclave/protocol/anchor.ts'
import { type Address, type Hex, toHex } from '../../enclave/protocol/ids.ts'
import type { CommitResult } from '../../enclave/protocol/method-results.ts'
import { parsePayouts, payoutTicket, recipientRand } from '../../enclave/protocol/ticket.ts'
import { TICKET_BROKER_ABI, WORLD } from '../../scripts/chain/world.ts'
import type { Boot } from './boot.ts'
import { lower, type Stage } from './stage.ts'

const PARITY_BIT = 0x80
const S_AT = 32
const V_EVEN = 27

/** The ticket at `position` of a commit of `boot`, as a call of redeemWinningTicket. */
export function lifted(stage: Stage, boot: Boot, commit: CommitResult, position = 0): Hex {
  const call = decodeAnchorCall(commit.call)
  const payout = commit.payouts[position]
  assert(call.kind === 'commitAndPay' && payout !== undefined, 'a paying commit with that payout')
  const { round, tickets } = parsePayouts(call.payouts)
  const packed = tickets[position]
  assert(packed !== undefined && round !== null, 'a ticket and its round')
  const { recipient, amountWei, payoutId } = payout
  const session = boot.session
  const ticket = payoutTicket({ sender: stage.authority, session, recipient, amountWei, payoutId, round })
  const wire = { ...ticket, faceValue: ticket.faceValueWei, auxData: toHex(ticket.auxData) }
  const args = [wire, signature65(packed.signature64), recipientRand(session, payoutId)] as const
  return encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'redeemWinningTicket', args }) as Hex
}

/** A stranger really sends it. Gives the wei that moved to anyone, whatever the broker's events call the face. */
export async function redeem(stage: Stage, data: Hex): Promise<bigint> {
  const before = await stage.treasuryWei()
  const { logs } = await stage.asStranger({ to: WORLD.ticketBroker, data })
  assert.equal(await stage.treasuryWei(), before, 'a redemption by itself never touches the treasury')
  const moved = parseEventLogs({
    abi: TICKET_BROKER_ABI,
    logs: [...logs] as never[],
    eventName: 'WinningTicketTransfer',
  })
  return moved.reduce((sum, { args }) => sum + args.amount, 0n)
}

/** Anyone may give money to the sender of our tickets. */
export async function donate(stage: Stage, amountWei: bigint, sender: Address = stage.authority): Promise<void> {
  const args = [sender, amountWei, 0n] as const
  const data = encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'fundDepositAndReserveFor', args })
  const { status } = await stage.asStranger({ to: WORLD.ticketBroker, data, value: amountWei })
  assert.equal(status, '0x1', 'the broker takes a donation')
}

/** What the broker holds for the sender of our tickets. */
export async function depositWei(stage: Stage): Promise<bigint> {
  const data = encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'getSenderInfo', args: [stage.authority] })
  const answer = (await stage.node.request('eth_call', { to: lower(WORLD.ticketBroker), data }, 'latest')) as Hex
  return BigInt(answer.slice(0, 2 + WORD_CHARACTERS))
}

const WORD_CHARACTERS = 64

/** EIP-2098 keeps the parity in the top bit of s; the broker wants r ‖ s ‖ v. */
function signature65(compact: Uint8Array): Hex {
  const top = compact[S_AT] ?? 0
  const plain = Uint8Array.from([...compact, V_EVEN + (top >> 7)])
  plain[S_AT] = top & ~PARITY_BIT
  return toHex(plain)
}
