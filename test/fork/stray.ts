/** A ticket that somebody took out of a signed commit and hands to the broker himself. */
import { type Address as Checksummed, encodeFunctionData, getAddress, type Hex, type TransactionReceipt } from 'viem'
import { decodeAnchorCall } from '../../enclave/protocol/anchor.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import type { CommitResult } from '../../enclave/protocol/method-results.ts'
import { parsePayouts, payoutTicket, recipientRand } from '../../enclave/protocol/ticket.ts'
import { TICKET_BROKER_ABI } from '../../scripts/chain/world.ts'
import type { Boot } from './boot.ts'
import { type Moved, movedIn, pendingFees, sendAs } from './livepeer.ts'
import { STRANGER } from './stage.ts'

export type Stray = { readonly data: Hex; readonly recipient: Checksummed; readonly amountWei: bigint }
/** What redeeming it changed. */
export type Effect = {
  readonly receipt: TransactionReceipt
  readonly moved: readonly Moved[]
  readonly treasuryWei: bigint
  readonly feesWei: bigint
}

const S_AT = 32
const PARITY_BIT = 0x80
const V_EVEN = 27

/** The ticket at `position` of a commit, as a call of redeemWinningTicket. */
export function extract({ stage, session }: Boot, commit: CommitResult, position: number): Stray {
  const call = decodeAnchorCall(commit.call)
  const payout = commit.payouts[position]
  if (call.kind !== 'commitAndPay' || payout === undefined) throw new Error('expected a paying commit with that ticket')
  const { round, tickets } = parsePayouts(call.payouts)
  const packed = tickets[position]
  if (packed === undefined || round === null) throw new Error('expected a ticket and its round')
  const { recipient, amountWei, payoutId } = payout
  const ticket = payoutTicket({ sender: stage.authority(), session, recipient, amountWei, payoutId, round })
  const wire = { ...ticket, faceValue: ticket.faceValueWei, auxData: toHex(ticket.auxData) }
  const args = [wire, signature65(packed.signature64), recipientRand(session, payoutId)] as const
  const data = encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'redeemWinningTicket', args })
  return { data, recipient: getAddress(recipient), amountWei }
}

/** A stranger really sends it. */
export async function redeem({ stage }: Boot, { data, recipient }: Stray): Promise<Effect> {
  const { client, livepeer } = stage
  const [treasuryWei, feesWei] = [await stage.treasuryWei(), await pendingFees(client, livepeer, recipient)]
  const receipt = await sendAs(client, STRANGER.address, livepeer.broker, data)
  return {
    receipt,
    moved: movedIn(receipt, livepeer),
    treasuryWei: (await stage.treasuryWei()) - treasuryWei,
    feesWei: (await pendingFees(client, livepeer, recipient)) - feesWei,
  }
}

/** EIP-2098 keeps the parity in the top bit of s; the broker wants r ‖ s ‖ v. */
function signature65(compact: Uint8Array): Hex {
  const top = compact[S_AT] ?? 0
  const plain = Uint8Array.from([...compact, V_EVEN + (top >> 7)])
  plain[S_AT] = top & ~PARITY_BIT
  return toHex(plain)
}
