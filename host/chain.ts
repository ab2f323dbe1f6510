/** What the host reads from the chain and sends to it. Every answer may be a lie or late: it decides pace, never money. */
import { decodeErrorResult, keccak256 as keccakHex, stringToHex, type Hex as ViemHex } from 'viem'
import { ANCHOR_ABI } from '../enclave/protocol/anchor-abi.ts'
import { isCoded } from '../enclave/protocol/errors.ts'
import { type Address, type Hash, type Hex, toHex, ZERO_HASH } from '../enclave/protocol/ids.ts'
import type { Wei } from '../enclave/protocol/money.ts'
import { uintWord } from '../enclave/protocol/words.ts'
import { type Endpoints, openEndpoints, type Rpc } from './endpoints.ts'
import { LIVEPEER_ABI } from './livepeer-abi.ts'
import { inWindows } from './log-windows.ts'
import { toldCount, toldHash, toldWei } from './told.ts'

/** All of one block. */
export type AnchorFacts = {
  readonly blockNumber: number
  readonly head: Hash
  readonly sequence: number
  readonly epoch: number
  readonly session: Address
  readonly authority: Address
  readonly frozen: boolean
  readonly treasuryWei: Wei
  /** The authority's account: the gas float and the next nonce. */
  readonly floatWei: Wei
  readonly accountNonce: number
  readonly baseFeeWei: Wei
}
export type RoundFacts = { readonly number: number; readonly hash: Hash; readonly initialized: boolean }
export type Landing = {
  readonly epoch: number
  readonly sequence: number
  readonly next: Hash
  readonly logRoot: Hash
  readonly logSize: number
  readonly hash: Hash
  readonly blockNumber: number
  readonly blockHash: Hash
  /** Of a paying commit, from the anchor's own event; null for a bare one. */
  readonly bitmap: Hash | null
}
export type ReceiptFacts = { readonly succeeded: boolean; readonly blockNumber: number; readonly blockHash: Hash }
export type Simulation =
  | { readonly kind: 'passes'; readonly gas: number }
  /** `error` is the anchor's error by name, or OTHER; `payout` the position of the ticket that failed. */
  | { readonly kind: 'reverts'; readonly error: string; readonly payout: number | undefined; readonly reason: string }
/** `unknown`: assume sent, and send the same bytes again. */
export type SendVerdict = 'sent' | 'nonce-low' | 'nonce-high' | 'fee-low' | 'float-low' | 'unknown'

export const FREEZE_SECONDS = 30 * 86_400
export type Chain = {
  facts(authority: Address): Promise<AnchorFacts>
  round(): Promise<RoundFacts>
  /** Which of the recipients Livepeer knows as transcoders. */
  registered(recipients: readonly Address[]): Promise<boolean[]>
  simulate(authority: Address, call: Hex): Promise<Simulation>
  send(raw: Hex): Promise<SendVerdict>
  landingOf(sequence: number): Promise<Landing | undefined>
  /** The bitmap of the paying commit that made this head; null when none did. */
  bitmapOf(sequence: number, head: Hash): Promise<Hash | null>
  sessionOf(epoch: number): Promise<Address | undefined>
  receiptOf(hash: Hash): Promise<ReceiptFacts | undefined>
  /** The newest final block, and what the anchor held then; zeros where the endpoint can't say. */
  final(): Promise<{ readonly blockNumber: number; readonly sequence: number; readonly epoch: number }>
  requireChain(): Promise<void>
  resting(): number
}

export type ChainOptions = {
  readonly rpcUrls: readonly string[]
  readonly chainId: number
  readonly anchor: Address
  readonly finality: 'finalized' | { readonly depthBlocks: number }
  /** The anchor's own block, where known: no event of it is older. */
  readonly fromBlock?: number
}

export function openChain(options: ChainOptions): Chain {
  const endpoints = openEndpoints(options.rpcUrls, options.chainId)
  const { anchor } = options
  const place: Place = { anchor, fromBlock: BigInt(options.fromBlock ?? 0) }
  let livepeer: Promise<Livepeer> | undefined
  const world = (rpc: Rpc) => {
    livepeer ??= findLivepeer(rpc, anchor)
    livepeer.catch(() => (livepeer = undefined))
    return livepeer
  }
  return {
    facts: (authority) => endpoints.use((rpc) => readFacts(rpc, anchor, authority)),
    round: () => endpoints.use(async (rpc) => readRound(rpc, (await world(rpc)).roundsManager)),
    registered: (recipients) =>
      endpoints.use(async (rpc) => readRegistered(rpc, (await world(rpc)).bondingManager, recipients)),
    simulate: (authority, call) => endpoints.use((rpc) => simulate(rpc, anchor, authority, call)),
    send: (raw) => send(endpoints, raw),
    landingOf: (sequence) => endpoints.use((rpc) => findLanding(rpc, place, sequence)),
    bitmapOf: (sequence, head) => endpoints.use((rpc) => findBitmap(rpc, place, sequence, head)),
    sessionOf: (epoch) => endpoints.use((rpc) => findSession(rpc, place, epoch)),
    receiptOf: (hash) => endpoints.use((rpc) => readReceipt(rpc, hash)),
    final: () => endpoints.use((rpc) => readFinal(rpc, anchor, options.finality)),
    requireChain: () => endpoints.requireChain(),
    resting: () => endpoints.resting(),
  }
}

type At = { readonly blockNumber: bigint }

async function readFacts(rpc: Rpc, anchor: Address, authority: Address): Promise<AnchorFacts> {
  const block = await rpc.getBlock()
  const at = { blockNumber: block.number }
  const read = <N extends ViewName>(functionName: N) => readAnchor(rpc, anchor, functionName, at)
  const [head, sequence, epoch, session, holder, frozenAt, treasury, float, accountNonce] = await Promise.all([
    read('head'),
    read('sequence'),
    read('epoch'),
    read('session'),
    read('authority'),
    read('frozenAt'),
    rpc.getBalance({ address: anchor, ...at }),
    rpc.getBalance({ address: authority, ...at }),
    rpc.getTransactionCount({ address: authority, ...at }),
  ])
  return {
    blockNumber: toldCount(block.number),
    head: toldHash(head),
    sequence: toldCount(sequence),
    epoch: toldCount(epoch),
    session: lower(session as string),
    authority: lower(holder as string),
    frozen: frozenAt !== 0 && Number(block.timestamp) < (frozenAt as number) + FREEZE_SECONDS,
    treasuryWei: toldWei(treasury),
    floatWei: toldWei(float),
    accountNonce: toldCount(accountNonce),
    baseFeeWei: toldWei(block.baseFeePerGas ?? 0n),
  }
}

type ViewName = 'head' | 'sequence' | 'epoch' | 'session' | 'authority' | 'frozenAt' | 'ticketBroker'

function readAnchor(rpc: Rpc, anchor: Address, functionName: ViewName, at?: At): Promise<unknown> {
  return rpc.readContract({ address: anchor, abi: ANCHOR_ABI, functionName, ...at })
}

type Livepeer = { readonly roundsManager: ViemHex; readonly bondingManager: ViemHex }

/** Anchor → broker → controller → managers: governance may move any of them, so none is written down here. */
async function findLivepeer(rpc: Rpc, anchor: Address): Promise<Livepeer> {
  const broker = (await readAnchor(rpc, anchor, 'ticketBroker')) as ViemHex
  const controller = await rpc.readContract({ address: broker, abi: LIVEPEER_ABI, functionName: 'controller' })
  const [roundsManager, bondingManager] = await Promise.all(
    ['RoundsManager', 'BondingManager'].map((name) => {
      const id = keccakHex(stringToHex(name))
      return rpc.readContract({ address: controller, abi: LIVEPEER_ABI, functionName: 'getContract', args: [id] })
    }),
  )
  return { roundsManager: roundsManager as ViemHex, bondingManager: bondingManager as ViemHex }
}

async function readRound(rpc: Rpc, address: ViemHex): Promise<RoundFacts> {
  const contract = { address, abi: LIVEPEER_ABI } as const
  const number = await rpc.readContract({ ...contract, functionName: 'currentRound' })
  const [initialized, hash] = await Promise.all([
    rpc.readContract({ ...contract, functionName: 'currentRoundInitialized' }),
    rpc.readContract({ ...contract, functionName: 'blockHashForRound', args: [number] }),
  ])
  return { number: toldCount(number), hash: toldHash(hash), initialized: initialized && hash !== ZERO_HASH }
}

function readRegistered(rpc: Rpc, address: ViemHex, recipients: readonly Address[]): Promise<boolean[]> {
  return Promise.all(
    recipients.map((recipient) =>
      rpc.readContract({ address, abi: LIVEPEER_ABI, functionName: 'isRegisteredTranscoder', args: [recipient] }),
    ),
  )
}

/**
 * Gas by eth_estimateGas, which on Arbitrum includes the part for calldata. It is safe for our calls alone: a ticket that
 * runs short reverts the whole call, and the anchor asks for 80,000 gas before each transfer, so less gas never pays less.
 */
async function simulate(rpc: Rpc, anchor: Address, authority: Address, call: Hex): Promise<Simulation> {
  try {
    return { kind: 'passes', gas: toldCount(await rpc.estimateGas({ account: authority, to: anchor, data: call })) }
  } catch (error) {
    const data = revertDataOf(error)
    if (data === undefined) throw error
    return decodeRevert(data)
  }
}

function decodeRevert(data: Hex): Simulation {
  try {
    const { errorName, args } = decodeErrorResult({ abi: ANCHOR_ABI, data })
    const values: readonly unknown[] = args ?? []
    const isPayout = errorName === 'AnchorTicketFailed' || errorName === 'AnchorRecipient'
    const reason = errorName === 'AnchorTicketFailed' ? brokerReason(String(values[1])) : values.map(String).join(', ')
    return { kind: 'reverts', error: errorName, payout: isPayout ? toldCount(values[0]) : undefined, reason }
  } catch {
    return { kind: 'reverts', error: 'OTHER', payout: undefined, reason: data.slice(0, REASON_CHARACTERS_MAX) }
  }
}

/** What the broker answered: its text, or a Panic, or the bytes. */
function brokerReason(data: string): string {
  try {
    const { errorName, args } = decodeErrorResult({ abi: [], data: data as Hex })
    return errorName === 'Error' ? String(args?.[0]) : `${errorName} ${String(args?.[0])}`
  } catch {
    return data.slice(0, REASON_CHARACTERS_MAX)
  }
}

const REASON_CHARACTERS_MAX = 200
const CAUSES_MAX = 10

/** What the call returned when it reverted, '0x' when the endpoint keeps that to itself; undefined when it did not run. */
function revertDataOf(error: unknown): Hex | undefined {
  let at: unknown = error
  let isReverted = false
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    const data = returnedIn((at as { data?: unknown }).data)
    if (data !== undefined) return data
    if (at.name === 'ExecutionRevertedError') isReverted = true
    at = at.cause
  }
  return isReverted ? '0x' : undefined
}

/** Nodes give the returned bytes as text; Hardhat's gives an object around them. */
function returnedIn(data: unknown): Hex | undefined {
  const bytes = typeof data === 'object' && data !== null ? (data as { data?: unknown }).data : data
  return typeof bytes === 'string' && bytes.startsWith('0x') ? (bytes as Hex) : undefined
}

const VERDICTS: readonly (readonly [RegExp, SendVerdict])[] = [
  [/already known|known transaction|already imported/i, 'sent'],
  [/nonce too low|nonce is too low/i, 'nonce-low'],
  [/nonce too high|nonce gap/i, 'nonce-high'],
  [/less than block base fee|fee cap|underpriced|max fee per gas/i, 'fee-low'],
  [/insufficient funds/i, 'float-low'],
]

async function send(endpoints: Endpoints, raw: Hex): Promise<SendVerdict> {
  try {
    await endpoints.use((rpc) => rpc.request({ method: 'eth_sendRawTransaction', params: [raw] }))
    return 'sent'
  } catch (error) {
    // Whatever the client said stands behind the code, and the endpoint's own words behind that.
    const text = messagesOf(isCoded(error) ? error.cause : error)
    return VERDICTS.find(([form]) => form.test(text))?.[1] ?? 'unknown'
  }
}

function messagesOf(error: unknown): string {
  const texts: string[] = []
  let at: unknown = error
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    texts.push((at as { details?: string }).details ?? at.message)
    at = at.cause
  }
  return texts.join('\n')
}

/** Where events are looked for. */
type Place = { readonly anchor: Address; readonly fromBlock: bigint }

async function findLanding(rpc: Rpc, { anchor, fromBlock }: Place, sequence: number): Promise<Landing | undefined> {
  return inWindows(rpc, fromBlock, async (window) => {
    const logs = await rpc.getContractEvents({
      address: anchor,
      abi: ANCHOR_ABI,
      eventName: 'Committed',
      args: { sequence },
      strict: true,
      ...window,
    })
    const log = logs.at(-1)
    if (log === undefined) return undefined
    const { epoch, next, logRoot, logSize } = log.args
    const settled = await rpc.getContractEvents({
      address: anchor,
      abi: ANCHOR_ABI,
      eventName: 'Settled',
      args: { sequence },
      strict: true,
      blockHash: log.blockHash,
    })
    const bitmap = settled.at(-1)?.args.bitmap
    return {
      epoch,
      sequence,
      next: toldHash(next),
      logRoot: toldHash(logRoot),
      logSize: toldCount(logSize),
      hash: toldHash(log.transactionHash),
      blockNumber: toldCount(log.blockNumber),
      blockHash: toldHash(log.blockHash),
      bitmap: bitmap === undefined ? null : (toHex(uintWord(bitmap)) as Hash),
    }
  })
}

async function findBitmap(rpc: Rpc, { anchor, fromBlock }: Place, sequence: number, head: Hash): Promise<Hash | null> {
  const found = await inWindows(rpc, fromBlock, async (window) => {
    const logs = await rpc.getContractEvents({
      address: anchor,
      abi: ANCHOR_ABI,
      eventName: 'Settled',
      args: { sequence },
      strict: true,
      ...window,
    })
    return logs.findLast((log) => log.args.head === head)?.args.bitmap
  })
  return found === undefined ? null : (toHex(uintWord(found)) as Hash)
}

async function findSession(rpc: Rpc, { anchor, fromBlock }: Place, epoch: number): Promise<Address | undefined> {
  const session = await inWindows(rpc, fromBlock, async (window) => {
    const logs = await rpc.getContractEvents({
      address: anchor,
      abi: ANCHOR_ABI,
      eventName: 'SessionOpened',
      args: { epoch },
      strict: true,
      ...window,
    })
    return logs.at(-1)?.args.session
  })
  return session === undefined ? undefined : lower(session)
}

async function readReceipt(rpc: Rpc, hash: Hash): Promise<ReceiptFacts | undefined> {
  try {
    const { status, blockNumber, blockHash } = await rpc.getTransactionReceipt({ hash })
    return { succeeded: status === 'success', blockNumber: toldCount(blockNumber), blockHash: toldHash(blockHash) }
  } catch (error) {
    if ((error as Error).name === 'TransactionReceiptNotFoundError') return undefined
    throw error
  }
}

async function readFinal(rpc: Rpc, anchor: Address, finality: ChainOptions['finality']) {
  const blockNumber = await finalBlock(rpc, finality)
  try {
    const at = { blockNumber: BigInt(blockNumber) }
    const [sequence, epoch] = await Promise.all([
      readAnchor(rpc, anchor, 'sequence', at),
      readAnchor(rpc, anchor, 'epoch', at),
    ])
    return { blockNumber, sequence: toldCount(sequence), epoch: toldCount(epoch) }
  } catch (error) {
    // Before the anchor's own block there is nothing to call, and a pruned node has no old state: then nothing is final.
    if (isCoded(error)) throw error
    return { blockNumber, sequence: 0, epoch: 0 }
  }
}

async function finalBlock(rpc: Rpc, finality: ChainOptions['finality']): Promise<number> {
  if (finality === 'finalized') return toldCount((await rpc.getBlock({ blockTag: 'finalized' })).number)
  return Math.max(0, toldCount(await rpc.getBlockNumber()) - finality.depthBlocks)
}

function lower(address: string): Address {
  return address.toLowerCase() as Address
}
