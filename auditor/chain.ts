/** Asks an RPC endpoint for everything that chain-facts.ts names. Reads only. */
import type { GetLogsReturnType, PublicClient } from 'viem'
import { createPublicClient, decodeFunctionData, hexToBytes, http, parseAbi } from 'viem'
import { ANCHOR_ABI } from '../enclave/protocol/anchor-abi.ts'
import { CodedError, isCoded } from '../enclave/protocol/errors.ts'
import type { Address, Hash } from '../enclave/protocol/ids.ts'
import { parsePayouts } from '../enclave/protocol/ticket.ts'
import type { AnchorEvent, BrokerEvent, Call, ChainFacts, TreasuryStep, Where } from './chain-facts.ts'

const ANCHOR_EVENTS = ANCHOR_ABI.filter((item) => item.type === 'event')
const [REDEEMED, MOVED] = parseAbi([
  'event WinningTicketRedeemed(address indexed sender, address indexed recipient, uint256 faceValue, uint256 winProb, uint256 senderNonce, uint256 recipientRand, bytes auxData)',
  'event WinningTicketTransfer(address indexed sender, address indexed recipient, uint256 amount)',
])

const RPC_MESSAGE_CHARACTERS_MAX = 200
const MS_PER_SECOND = 1_000
const RPC_TIMEOUT_MS = 30_000
const RPC_ATTEMPTS_MAX = 3
/** Halving a range of blocks this often leaves one block of any chain. */
const HALVINGS_MAX = 40
/** Of one kind of event: an endpoint that refuses all but single blocks would be asked for each block of the chain. */
const QUESTIONS_MAX = 200_000

export type ChainOptions = {
  readonly rpcUrl: string
  readonly anchor: Address
  /** Where to start looking for events; the anchor's own block when it is known. */
  readonly fromBlock?: number
  /** Blocks below the newest that count as final; the chain's own word when absent. */
  readonly depthBlocks?: number
  /** Transactions of sequences up to this one are not looked at. */
  readonly since: number
}

/** Refuses RPC_FAILED: without the chain nothing can be checked. */
export async function readChain(options: ChainOptions): Promise<ChainFacts> {
  return answered(options.rpcUrl, () => gather(options))
}

/** When these blocks were made, in milliseconds since 1970, by their number. Refuses RPC_FAILED. */
export async function readBlockTimes(rpcUrl: string, blocks: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const client = openClient(rpcUrl)
  const times = new Map<number, number>()
  return answered(rpcUrl, async () => {
    for (const block of new Set(blocks)) {
      const { timestamp } = await client.getBlock({ blockNumber: BigInt(block) })
      times.set(block, Number(timestamp) * MS_PER_SECOND)
    }
    return times
  })
}

async function answered<T>(rpcUrl: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw new CodedError('RPC_FAILED', `expected answers from ${rpcUrl}, got: ${shortOf(cause as Error)}`, { cause })
  }
}

/** The client's errors tell the whole request over many lines; their first says what happened. */
function shortOf(error: Error): string {
  return (error.message.split('\n')[0] ?? '').slice(0, RPC_MESSAGE_CHARACTERS_MAX)
}

async function gather(options: ChainOptions): Promise<ChainFacts> {
  const { anchor } = options
  const client = openClient(options.rpcUrl)
  const chainId = await client.getChainId()
  const block = Number(await client.getBlockNumber())
  const state = await readState(client, anchor, block)
  const range = { from: options.fromBlock ?? 0, to: block }
  const events = await readAnchorEvents(client, anchor, range)
  const paid = events.filter((event) => event.kind === 'settled' && event.sequence > options.since)
  return {
    chainId,
    anchor,
    block,
    finalBlock: await readFinalBlock(client, block, options.depthBlocks),
    state,
    events,
    brokerEvents: await readBrokerEvents(client, state.broker, authoritiesOf(events), range),
    calls: await readCalls(client, anchor, paid),
    treasury: await readTreasury(client, anchor, paid),
  }
}

function openClient(rpcUrl: string): PublicClient {
  const options = { timeout: RPC_TIMEOUT_MS, retryCount: RPC_ATTEMPTS_MAX, batch: true, fetchFn: fetchWhole }
  return createPublicClient({ transport: http(rpcUrl, options) })
}

/** The client's own clock stops at the headers: an endpoint may send the body byte by byte, for ever. */
const fetchWhole: typeof fetch = (input, init) => {
  const deadline = AbortSignal.timeout(RPC_TIMEOUT_MS)
  return fetch(input, { ...init, signal: init?.signal == null ? deadline : AbortSignal.any([init.signal, deadline]) })
}

async function readState(client: PublicClient, address: Address, block: number): Promise<ChainFacts['state']> {
  const code = await client.getCode({ address, blockNumber: BigInt(block) })
  if (code === undefined)
    throw new CodedError('CONFIG_INVALID', `expected an anchor at ${address}, got an address without code`)
  const at = { abi: ANCHOR_ABI, address, blockNumber: BigInt(block) } as const
  const [head, sequence, epoch, authority, guardian, broker, balanceWei] = await Promise.all([
    client.readContract({ ...at, functionName: 'head' }),
    client.readContract({ ...at, functionName: 'sequence' }),
    client.readContract({ ...at, functionName: 'epoch' }),
    client.readContract({ ...at, functionName: 'authority' }),
    client.readContract({ ...at, functionName: 'guardian' }),
    client.readContract({ ...at, functionName: 'ticketBroker' }),
    client.getBalance({ address, blockNumber: BigInt(block) }),
  ])
  return {
    head: head as Hash,
    sequence,
    epoch,
    authority: lower(authority),
    guardian: lower(guardian),
    broker: lower(broker),
    balanceWei,
  }
}

async function readFinalBlock(client: PublicClient, block: number, depthBlocks: number | undefined): Promise<number> {
  if (depthBlocks !== undefined) return block - depthBlocks
  try {
    const { number } = await client.getBlock({ blockTag: 'finalized' })
    return Math.min(Number(number), block)
  } catch {
    // An endpoint without the tag gives no word on finality: nothing is demanded of the log's tail, and that is shown.
    return 0
  }
}

type Range = { readonly from: number; readonly to: number }

/** Endpoints limit ranges and results, each in its own way: a range that is refused is asked for in halves. */
async function inHalves<T>(
  range: Range,
  ask: (range: Range) => Promise<readonly T[]>,
  halvings = 0,
  budget = { left: QUESTIONS_MAX },
): Promise<readonly T[]> {
  if (--budget.left < 0)
    throw new CodedError(
      'RPC_FAILED',
      `expected all events within ${QUESTIONS_MAX} questions; name a later block to start from`,
    )
  try {
    return await ask(range)
  } catch (error) {
    if (range.from >= range.to || halvings >= HALVINGS_MAX || isCoded(error)) throw error
    const middle = Math.floor((range.from + range.to) / 2)
    const left = await inHalves({ from: range.from, to: middle }, ask, halvings + 1, budget)
    return [...left, ...(await inHalves({ from: middle + 1, to: range.to }, ask, halvings + 1, budget))]
  }
}

async function readAnchorEvents(client: PublicClient, address: Address, range: Range): Promise<readonly AnchorEvent[]> {
  return inHalves(range, async ({ from, to }) => {
    const logs = await client.getLogs({
      address,
      events: ANCHOR_EVENTS,
      fromBlock: BigInt(from),
      toBlock: BigInt(to),
      strict: true,
    })
    return logs.map(anchorEvent)
  })
}

type AnchorLog = GetLogsReturnType<undefined, typeof ANCHOR_EVENTS, true>[number]

function anchorEvent(log: AnchorLog): AnchorEvent {
  const where = whereOf(log)
  switch (log.eventName) {
    case 'Committed': {
      const { epoch, sequence, logSize, ...hashes } = log.args
      return { ...where, kind: 'committed', epoch, sequence, logSize: Number(logSize), ...(hashes as CommittedHashes) }
    }
    case 'Settled':
      return {
        ...where,
        kind: 'settled',
        sequence: log.args.sequence,
        bitmap: log.args.bitmap,
        head: log.args.head as Hash,
      }
    case 'SessionOpened': {
      const { epoch, head, session, attestationDigest } = log.args
      return {
        ...where,
        kind: 'session',
        epoch,
        head: head as Hash,
        session: lower(session),
        attestationDigest: attestationDigest as Hash,
      }
    }
    case 'AuthorityAppointed':
      return { ...where, kind: 'appointed', authority: lower(log.args.authority) }
    case 'AuthorityRotated':
      return { ...where, kind: 'rotated', epoch: log.args.epoch, authority: lower(log.args.authority) }
    case 'AuthorityApproved':
      return { ...where, kind: 'approved', text: `approved authority ${lower(log.args.authority)}` }
    case 'Frozen':
      return { ...where, kind: 'frozen', text: `frozen until second ${log.args.until}` }
    case 'Unfrozen':
      return { ...where, kind: 'unfrozen', text: 'thawed' }
  }
}

type CommittedHashes = { prev: Hash; next: Hash; balanceRoot: Hash; logRoot: Hash }

async function readBrokerEvents(
  client: PublicClient,
  address: Address,
  sender: Address[],
  range: Range,
): Promise<readonly BrokerEvent[]> {
  if (sender.length === 0) return []
  const within = ({ from, to }: Range) =>
    ({ address, fromBlock: BigInt(from), toBlock: BigInt(to), args: { sender }, strict: true }) as const
  const moved = await inHalves(range, (part) => client.getLogs({ ...within(part), event: MOVED }))
  const redeemed = await inHalves(range, (part) => client.getLogs({ ...within(part), event: REDEEMED }))
  const all: BrokerEvent[] = [
    ...moved.map((log) => ({
      ...whereOf(log),
      kind: 'moved' as const,
      ...parties(log.args),
      amountWei: log.args.amount,
      payoutId: null,
    })),
    ...redeemed.map((log) => ({
      ...whereOf(log),
      kind: 'redeemed' as const,
      ...parties(log.args),
      amountWei: log.args.faceValue,
      payoutId: log.args.senderNonce,
    })),
  ]
  return all.sort((left, right) => left.block - right.block || left.logIndex - right.logIndex)
}

function parties({ sender, recipient }: { sender: string; recipient: string }): {
  sender: Address
  recipient: Address
} {
  return { sender: lower(sender), recipient: lower(recipient) }
}

function authoritiesOf(events: readonly AnchorEvent[]): Address[] {
  return events.flatMap((event) => (event.kind === 'appointed' || event.kind === 'rotated' ? [event.authority] : []))
}

async function readCalls(
  client: PublicClient,
  anchor: Address,
  paid: readonly Where[],
): Promise<ReadonlyMap<Hash, Call>> {
  const calls = new Map<Hash, Call>()
  for (const { transaction } of paid) {
    const { to, input } = await client.getTransaction({ hash: transaction })
    const call = to !== null && lower(to) === anchor ? callOf(input) : undefined
    if (call !== undefined) calls.set(transaction, call)
  }
  return calls
}

function callOf(input: `0x${string}`): Call | undefined {
  try {
    const { functionName, args } = decodeFunctionData({ abi: ANCHOR_ABI, data: input })
    return functionName === 'commitAndPay' ? { payouts: parsePayouts(hexToBytes(args[1])), skip: args[2] } : undefined
  } catch {
    // Not a call that can be read: it is listed as one that came another way.
    return undefined
  }
}

/** Null when the endpoint has dropped the state of those blocks. */
async function readTreasury(
  client: PublicClient,
  address: Address,
  paid: readonly Where[],
): Promise<readonly TreasuryStep[] | null> {
  const steps: TreasuryStep[] = []
  try {
    for (const block of new Set(paid.map((event) => event.block))) {
      const beforeWei = await client.getBalance({ address, blockNumber: BigInt(block - 1) })
      const afterWei = await client.getBalance({ address, blockNumber: BigInt(block) })
      steps.push({ block, beforeWei, afterWei })
    }
    return steps
  } catch {
    return null
  }
}

function whereOf(log: { blockNumber: bigint; logIndex: number; transactionHash: string }): Where {
  return { block: Number(log.blockNumber), logIndex: log.logIndex, transaction: log.transactionHash as Hash }
}

function lower(address: string): Address {
  return address.toLowerCase() as Address
}
