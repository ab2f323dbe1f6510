/** Which calls the endpoint answers, and how. Whatever would change the chain behind its log's back is refused by name. */
import { type Hex, numberToHex } from 'viem'
import type { Chain } from './chain.ts'
import { BASE_FEE_WEI } from './evm.ts'
import { INVALID_PARAMS, METHOD_NOT_FOUND, REFUSED, RpcRefusal } from './rpc-refusal.ts'

export type Params = readonly unknown[]

export type MethodContext = {
  readonly chain: Chain
  /** How far `finalized` and `safe` lie behind the newest block. */
  readonly finalDepthBlocks: number
  /** Resolves at the next mined block. */
  readonly nextBlock: () => Promise<void>
}

/** eth_sendRawTransactionSync waits this long unless told otherwise, and never longer than the second (EIP-7966). */
const SYNC_WAIT_MS = 2_000
const SYNC_WAIT_MS_MAX = 30_000
/** EIP-7966: the wait is over, the transaction may still be mined. */
const SYNC_TIMEOUT = 4
const SKEW_S_MAX = 366 * 86_400
const NOTE_CHARACTERS_MAX = 64

/** Answers one call. Throws an RpcRefusal, or what the node below throws. */
export async function answer(method: string, params: Params, context: MethodContext): Promise<unknown> {
  const own = OWN[method]
  if (own !== undefined) return own(params, context)
  const cheat = CHEATS[method]
  if (cheat !== undefined) return context.chain.cheat(cheat, params)
  if (READS.has(method)) return context.chain.evm.request(method, placeTags(params, context))
  throw new RpcRefusal(METHOD_NOT_FOUND, `the method ${method} does not exist/is not available`)
}

const OWN: Readonly<Record<string, (params: Params, context: MethodContext) => unknown>> = {
  eth_sendRawTransaction: ([raw], { chain }) => chain.submit(asHex(raw)),
  eth_sendRawTransactionSync: sendSync,
  eth_getBlockReceipts: blockReceipts,
  // Arbitrum takes no tip: the first comes first, whatever it offers.
  eth_maxPriorityFeePerGas: () => '0x0',
  eth_gasPrice: () => numberToHex(BASE_FEE_WEI),
  evm_increaseTime: skewClock,
  anchorhold_faults: (_, { chain }) => chain.faultsPlayed,
  anchorhold_note: ([key], { chain }) => chain.notes.get(asKey(key)) ?? null,
  anchorhold_keepNote: ([key, value], { chain }) => chain.keepNote(asKey(key), value ?? null).then(() => null),
}

/** Changes by hand: logged, then replayed under the node's own name. */
const CHEATS: Readonly<Record<string, string>> = Object.fromEntries(
  ['setCode', 'setBalance', 'setNonce', 'setStorageAt'].flatMap((name) => [
    [`hardhat_${name}`, `hardhat_${name}`],
    [`anvil_${name}`, `hardhat_${name}`],
  ]),
)

const READS: ReadonlySet<string> = new Set([
  'debug_traceCall',
  'debug_traceTransaction',
  'eth_blockNumber',
  'eth_call',
  'eth_chainId',
  'eth_estimateGas',
  'eth_feeHistory',
  'eth_getBalance',
  'eth_getBlockByHash',
  'eth_getBlockByNumber',
  'eth_getBlockTransactionCountByHash',
  'eth_getBlockTransactionCountByNumber',
  'eth_getCode',
  'eth_getFilterChanges',
  'eth_getFilterLogs',
  'eth_getLogs',
  'eth_getProof',
  'eth_getStorageAt',
  'eth_getTransactionByBlockHashAndIndex',
  'eth_getTransactionByBlockNumberAndIndex',
  'eth_getTransactionByHash',
  'eth_getTransactionCount',
  'eth_getTransactionReceipt',
  'eth_newBlockFilter',
  'eth_newFilter',
  'eth_pendingTransactions',
  'eth_syncing',
  'eth_uninstallFilter',
  'net_listening',
  'net_version',
  'web3_clientVersion',
])

/** Puts a height in the place of `finalized` and `safe`, which the node below takes for the newest block. */
export function placeTags(params: Params, { chain, finalDepthBlocks }: MethodContext): Params {
  const height = numberToHex(Math.max(0, chain.evm.tip.number - finalDepthBlocks))
  const place = (value: unknown) => (value === 'finalized' || value === 'safe' ? height : value)
  return params.map((param) => (isPlainObject(param) ? mapValues(param, place) : place(param)))
}

async function sendSync([raw, waitMs]: Params, context: MethodContext): Promise<unknown> {
  const waitMsMax = Math.min(waitMs === undefined ? SYNC_WAIT_MS : asCount(waitMs), SYNC_WAIT_MS_MAX)
  const deadlineAtMs = Date.now() + waitMsMax
  const hash = await context.chain.submit(asHex(raw))
  while (Date.now() < deadlineAtMs) {
    await context.nextBlock()
    const receipt = await context.chain.evm.request('eth_getTransactionReceipt', [hash])
    if (receipt !== null) return receipt
  }
  throw new RpcRefusal(SYNC_TIMEOUT, `the transaction ${hash} was not mined within ${waitMsMax} ms`, hash)
}

async function blockReceipts(params: Params, context: MethodContext): Promise<unknown> {
  const [block] = placeTags(params, context)
  const byHash = typeof block === 'string' && block.length === 66
  const method = byHash ? 'eth_getBlockByHash' : 'eth_getBlockByNumber'
  const found = (await context.chain.evm.request(method, [block, false])) as { transactions: string[] } | null
  if (found === null) return null
  return Promise.all(found.transactions.map((hash) => context.chain.evm.request('eth_getTransactionReceipt', [hash])))
}

async function skewClock([seconds]: Params, { chain }: MethodContext): Promise<Hex> {
  const ahead = asCount(seconds)
  if (ahead > SKEW_S_MAX) throw new RpcRefusal(INVALID_PARAMS, `expected at most ${SKEW_S_MAX} seconds, got ${ahead}`)
  await chain.skewClock(ahead * 1_000)
  return numberToHex(ahead)
}

function asHex(value: unknown): Hex {
  if (typeof value === 'string' && /^0x([0-9a-f]{2})*$/i.test(value)) return value.toLowerCase() as Hex
  throw new RpcRefusal(INVALID_PARAMS, 'expected bytes as 0x-prefixed hex in the first place')
}

function asCount(value: unknown): number {
  const count = typeof value === 'string' ? Number.parseInt(value, value.startsWith('0x') ? 16 : 10) : value
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count
  throw new RpcRefusal(INVALID_PARAMS, 'expected a whole number, not negative')
}

function asKey(value: unknown): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= NOTE_CHARACTERS_MAX) return value
  throw new RpcRefusal(REFUSED, `expected a key of 1 to ${NOTE_CHARACTERS_MAX} characters`)
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mapValues(value: Record<string, unknown>, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]))
}
