/**
 * When a reporter may forget: a receipt's place in the log is covered by a final `Committed` of the very session that signed
 * it. One session has one log, so everything up to that place is in it. A receipt of a session that committed no further
 * is shown by inclusion in the public log instead, against the root of a final commit [A23].
 */
import type { PublicClient } from 'viem'
import { ANCHOR_ABI } from '../enclave/protocol/anchor-abi.ts'
import { refuse } from '../enclave/protocol/errors.ts'
import { receiptStruct } from '../enclave/protocol/header.ts'
import { type Address, fromHex, type Hash, type Hex } from '../enclave/protocol/ids.ts'
import { inclusionProof, verifyInclusion } from '../enclave/protocol/log-tree.ts'
import type { Ledger } from '../enclave/protocol/typed-data.ts'
import { signerOfStruct } from './key.ts'
import type { ReporterStore, StoredReceipt } from './store.ts'
import type { TileReader } from './tiles.ts'

export type FinalCommit = { readonly epoch: number; readonly logSize: number; readonly logRoot: Hash }

/** What the chain says; all of it up to one final block. */
export type ChainWord = {
  /** The session that was opened for an epoch. */
  sessionOf(epoch: number): Promise<Address | undefined>
  /** The newest final commit of an epoch, or of all. */
  newestCommit(epoch?: number): Promise<FinalCommit | undefined>
}

export type Finality = 'finalized' | { readonly depthBlocks: number }

/** What of a client is used. */
export type Rpc = Pick<PublicClient, 'getBlock' | 'getBlockNumber' | 'getContractEvents'>
/**
 * Puts one question to one endpoint, from start to end: two of them may differ in what is final. The caller brings it,
 * with its endpoints, its timeouts and what it does about one that fails.
 */
export type Ask = <T>(question: (rpc: Rpc) => Promise<T>) => Promise<T>

const WINDOW_BLOCKS = 10_000n
const WINDOWS_MAX = 10_000
/** Of one question: an endpoint may name any height, and take its time over each window below it. */
const SEARCH_MS_MAX = 300_000

/** Asks endpoints that the reporter chooses: nobody else's word for what is final. No event is older than `fromBlock`. */
export function openChainWord(ask: Ask, anchor: Address, finality: Finality, fromBlock = 0): ChainWord {
  const span: Span = { finality, oldest: BigInt(fromBlock) }
  return {
    sessionOf: async (epoch) => {
      const args = { epoch }
      const query = { address: anchor, abi: ANCHOR_ABI, eventName: 'SessionOpened', args, strict: true } as const
      const found = await ask((rpc) => lastEvent(rpc, span, (window) => rpc.getContractEvents({ ...query, ...window })))
      return found?.args.session.toLowerCase() as Address | undefined
    },
    newestCommit: async (epoch) => {
      const args = epoch === undefined ? {} : { epoch }
      const query = { address: anchor, abi: ANCHOR_ABI, eventName: 'Committed', args, strict: true } as const
      const found = await ask((rpc) => lastEvent(rpc, span, (window) => rpc.getContractEvents({ ...query, ...window })))
      if (found === undefined) return undefined
      const { epoch: of, logSize, logRoot } = found.args
      return { epoch: of, logSize: Number(logSize), logRoot: logRoot as Hash }
    },
  }
}

/** From the newest final block down to `oldest`. */
type Span = { readonly finality: Finality; readonly oldest: bigint }
type Window = { readonly fromBlock: bigint; readonly toBlock: bigint }

/** Refuses RPC_FAILED where more windows than that hold none: "there is none" would be a guess. */
async function lastEvent<T>(
  rpc: Rpc,
  { finality, oldest }: Span,
  look: (window: Window) => Promise<readonly T[]>,
): Promise<T | undefined> {
  const deadline = AbortSignal.timeout(SEARCH_MS_MAX)
  let toBlock = await finalBlock(rpc, finality)
  for (let windows = 0; windows < WINDOWS_MAX; windows++) {
    if (toBlock < oldest) return undefined
    // Its error is that of an answer that did not come.
    deadline.throwIfAborted()
    const start = toBlock - WINDOW_BLOCKS + 1n
    const fromBlock = start < oldest ? oldest : start
    const found = (await look({ fromBlock, toBlock })).at(-1)
    if (found !== undefined) return found
    toBlock = fromBlock - 1n
  }
  return refuse('RPC_FAILED', `events within ${WINDOWS_MAX} windows of ${WINDOW_BLOCKS} blocks`, 'none; name fromBlock')
}

async function finalBlock(rpc: Rpc, finality: Finality): Promise<bigint> {
  if (finality === 'finalized') return (await rpc.getBlock({ blockTag: 'finalized' })).number
  const newest = await rpc.getBlockNumber({ cacheTime: 0 })
  const depth = BigInt(finality.depthBlocks)
  return newest > depth ? newest - depth : 0n
}

/** Notes how far the reporter's numbers are final, and returns that number. Receipts that do not hold are passed over. */
export async function noteFinality(
  ledger: Ledger,
  store: ReporterStore,
  chain: ChainWord,
  tiles: TileReader | undefined,
): Promise<number> {
  // The newest first: what is final at its place covers all before it.
  for (const receipt of store.receipts().toReversed()) {
    if (!(await isFinal(ledger, receipt, chain, tiles))) continue
    await store.noteFinal(receipt.throughSeq)
    break
  }
  return store.finalSeq
}

export async function isFinal(
  ledger: Ledger,
  receipt: StoredReceipt,
  chain: ChainWord,
  tiles: TileReader | undefined,
): Promise<boolean> {
  const session = await chain.sessionOf(receipt.epoch)
  const struct = receiptStruct({ ...receipt, leafHash: receipt.leafHash as Hash })
  const signer = await signerOfStruct(ledger, struct, fromHex(receipt.signature as Hex))
  // The host may have passed on a receipt of its own making.
  if (session === undefined || signer !== session) return false
  const own = await chain.newestCommit(receipt.epoch)
  if (own !== undefined && own.logSize > receipt.logIndex) return true
  const newest = tiles === undefined ? undefined : await chain.newestCommit()
  return newest !== undefined && tiles !== undefined && newest.logSize > receipt.logIndex
    ? isIncluded(receipt, newest, tiles)
    : false
}

async function isIncluded(receipt: StoredReceipt, commit: FinalCommit, tiles: TileReader): Promise<boolean> {
  const { logSize, logRoot } = commit
  try {
    const read = await tiles.nodesFor(receipt.logIndex, logSize)
    verifyInclusion({
      leafHash: fromHex(receipt.leafHash),
      index: receipt.logIndex,
      size: logSize,
      root: fromHex(logRoot),
      proof: inclusionProof(receipt.logIndex, logSize, read),
    })
    return true
  } catch {
    // Tiles that are missing or false prove nothing; the event is kept.
    return false
  }
}
