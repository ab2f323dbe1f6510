/** Figures of the chain: the anchor's own events, the receipts of their transactions, and what those carried. */
import { decodeEventLog, type Hex } from 'viem'
import { decodeAnchorCall } from '../../enclave/protocol/anchor.ts'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { fromHex, type Hash } from '../../enclave/protocol/ids.ts'
import { parsePayouts } from '../../enclave/protocol/ticket.ts'
import { callRpc } from '../chain/rpc.ts'
import type { Stack } from './stack.ts'

export type ChainFigures = {
  readonly head: Hash
  readonly sequence: number
  readonly epoch: number
  readonly treasuryWei: bigint
  readonly floatWei: bigint
  readonly commits: number
  readonly payingCommits: number
  readonly payoutsPaid: number
  /** By bitmaps of the anchor and amounts of the calldata. */
  readonly paidWei: bigint
  /** Of paying commits. */
  readonly gas: bigint
  readonly calldataBytes: number
  readonly payoutsCarried: number
}

type Log = { readonly topics: [Hex, ...Hex[]]; readonly data: Hex; readonly transactionHash: Hash }
type PayingCommit = {
  readonly gas: bigint
  readonly bytes: number
  readonly carried: number
  readonly paid: number
  readonly paidWei: bigint
}

const COMMITS_MAX = 100_000
const CALLS_AT_ONCE = 16

export async function readChainFigures({ url, deployment, context, authority }: Stack): Promise<ChainFigures> {
  const facts = await context.chain.facts(authority)
  const fromBlock = `0x${deployment.genesisBlock.toString(16)}`
  const logs = (await callRpc(url, 'eth_getLogs', [
    { address: deployment.anchor, fromBlock, toBlock: 'latest' },
  ])) as Log[]
  const events = logs.flatMap((log) => read(log))
  const settled = events.filter(({ name }) => name === 'Settled')
  if (settled.length > COMMITS_MAX)
    throw new CodedError('RPC_FAILED', `expected at most ${COMMITS_MAX} commits, got ${settled.length}`)
  const paying = await inParts(settled, ({ hash, bitmap }) => readPaying(url, hash, bitmap))
  const sum = (pick: (commit: PayingCommit) => number) => paying.reduce((total, commit) => total + pick(commit), 0)
  return {
    head: facts.head,
    sequence: facts.sequence,
    epoch: facts.epoch,
    treasuryWei: facts.treasuryWei,
    floatWei: facts.floatWei,
    commits: events.filter(({ name }) => name === 'Committed').length,
    payingCommits: paying.length,
    payoutsPaid: sum(({ paid }) => paid),
    paidWei: paying.reduce((total, { paidWei }) => total + paidWei, 0n),
    gas: paying.reduce((total, { gas }) => total + gas, 0n),
    calldataBytes: sum(({ bytes }) => bytes),
    payoutsCarried: sum(({ carried }) => carried),
  }
}

type AnchorEvent = { readonly name: string; readonly hash: Hash; readonly bitmap: bigint }

function read({ topics, data, transactionHash }: Log): AnchorEvent[] {
  try {
    const { eventName, args } = decodeEventLog({ abi: ANCHOR_ABI, topics, data })
    const bitmap = eventName === 'Settled' ? (args as { bitmap: bigint }).bitmap : 0n
    return [{ name: eventName, hash: transactionHash, bitmap }]
  } catch {
    // Events of the guardian are not in the host's part of the interface.
    return []
  }
}

/** A relayed commit sits inside another call; then only its gas is known, and the figures would lie: it is refused. */
async function readPaying(url: string, hash: Hash, bitmap: bigint): Promise<PayingCommit> {
  const receipt = (await callRpc(url, 'eth_getTransactionReceipt', [hash])) as { gasUsed: Hex }
  const { input } = (await callRpc(url, 'eth_getTransactionByHash', [hash])) as { input: Hex }
  const call = decodeAnchorCall(fromHex(input))
  if (call.kind !== 'commitAndPay')
    throw new CodedError('RPC_FAILED', `expected commitAndPay in ${hash}, got ${call.kind}`)
  const { tickets, transfers } = parsePayouts(call.payouts)
  const payouts = [...tickets, ...transfers]
  const paid = payouts.filter((_, position) => ((bitmap >> BigInt(position)) & 1n) === 1n)
  return {
    gas: BigInt(receipt.gasUsed),
    bytes: (input.length - 2) / 2,
    carried: payouts.length,
    paid: paid.length,
    paidWei: paid.reduce((total, { amountWei }) => total + amountWei, 0n),
  }
}

async function inParts<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let from = 0; from < items.length; from += CALLS_AT_ONCE) {
    results.push(...(await Promise.all(items.slice(from, from + CALLS_AT_ONCE).map(act))))
  }
  return results
}
