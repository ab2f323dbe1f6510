/** Takes one ticket out of a signed commit and brings it to Livepeer's TicketBroker as anyone could. */
import { encodeFunctionData } from 'viem'
import { decodeAnchorCall } from '../../../enclave/protocol/anchor.ts'
import { CodedError } from '../../../enclave/protocol/errors.ts'
import { type Address, type Hex, toHex } from '../../../enclave/protocol/ids.ts'
import type { CommitResult } from '../../../enclave/protocol/method-results.ts'
import { parsePayouts, payoutTicket, recipientRand, type Ticket } from '../../../enclave/protocol/ticket.ts'
import { concatBytes } from '../../../enclave/protocol/words.ts'
import { devAccount } from '../../chain/accounts.ts'
import { callRpc, sendTransaction } from '../../chain/rpc.ts'
import { TICKET_BROKER_ABI } from '../../chain/world.ts'
import type { Arena } from './arena.ts'

/** Any account will do: the broker asks nobody who he is. */
const STRANGER_INDEX = 7
const REDEEM_GAS = 1_000_000n
const REASON_FORM = /reverted with reason string '([^']*)'|execution reverted: ([^"]*)/
const PARITY_BIT = 0x80
const S_AT = 32

/** What the broker says: `redeemed`, or the reason of its revert. The transaction is really sent. */
export async function redeemExtracted(arena: Arena, session: Address, commit: CommitResult): Promise<string> {
  const data = redemption(arena, session, commit)
  const to = arena.deployment.broker
  const stranger = devAccount(STRANGER_INDEX)
  const said = await callRpc(arena.url, 'eth_call', [{ from: stranger.address, to, data }, 'latest']).then(
    () => 'redeemed',
    (error: unknown) => reasonOf(error),
  )
  const before = (await arena.facts()).treasuryWei
  const hash = await sendTransaction(arena.url, stranger, { to, data, gas: REDEEM_GAS })
  const landed = await receiptStatus(arena, hash as never)
  const after = (await arena.facts()).treasuryWei
  return landed || before !== after ? 'redeemed' : said
}

async function receiptStatus(arena: Arena, hash: Parameters<Arena['chain']['receiptOf']>[0]): Promise<boolean> {
  for (let poll = 0; poll < RECEIPT_POLLS_MAX; poll++) {
    const receipt = await arena.chain.receiptOf(hash)
    if (receipt !== undefined) return receipt.succeeded
    await new Promise((done) => setTimeout(done, RECEIPT_POLL_MS))
  }
  throw new CodedError('RPC_TIMEOUT', `expected transaction ${hash} in a block of the copied chain`)
}

const RECEIPT_POLL_MS = 100
const RECEIPT_POLLS_MAX = 200

function redemption(arena: Arena, session: Address, commit: CommitResult): Hex {
  const call = decodeAnchorCall(commit.call)
  const at = commit.payouts.findIndex(({ skipped }) => !skipped)
  const payout = commit.payouts[at]
  if (call.kind !== 'commitAndPay' || payout === undefined)
    throw new CodedError('NOTHING_DUE', 'expected a commit with a ticket')
  const { round, tickets } = parsePayouts(call.payouts)
  const packed = tickets[at]
  if (packed === undefined || round === null) throw new CodedError('NOTHING_DUE', 'expected a ticket and its round')
  const { recipient, amountWei, payoutId } = payout
  const ticket = payoutTicket({ sender: arena.authority, session, recipient, amountWei, payoutId, round })
  return encodeFunctionData({
    abi: TICKET_BROKER_ABI,
    functionName: 'redeemWinningTicket',
    args: [wireTicket(ticket), toHex(signature65(packed.signature64)), recipientRand(session, payoutId)],
  })
}

function wireTicket(ticket: Ticket) {
  return {
    recipient: ticket.recipient,
    sender: ticket.sender,
    faceValue: ticket.faceValueWei,
    winProb: ticket.winProb,
    senderNonce: ticket.senderNonce,
    recipientRandHash: ticket.recipientRandHash,
    auxData: toHex(ticket.auxData),
  }
}

/** EIP-2098 keeps the parity in the top bit of s; the broker wants r ‖ s ‖ v. */
function signature65(compact: Uint8Array): Uint8Array {
  const top = compact[S_AT] ?? 0
  const plain = Uint8Array.from(compact)
  plain[S_AT] = top & ~PARITY_BIT
  return concatBytes(plain, Uint8Array.of(27 + (top >> 7)))
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const found = REASON_FORM.exec(message)
  return (found?.[1] ?? found?.[2] ?? message).replace(/ \(-?\d+\)$/, '')
}
