/** Transactions of a person's own account: a guardian's acts, and calls of the ledger that somebody relays. */
import {
  createPublicClient,
  createWalletClient,
  decodeErrorResult,
  defineChain,
  http,
  type Chain as ViemChain,
} from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { Address, Hex } from '../../enclave/protocol/ids.ts'
import type { HostConfig } from '../../host/config.ts'
import type { Key } from '../../reporter/key.ts'

const RPC_TIMEOUT_MS = 30_000
/** How long one endpoint may take to say which chain it serves, before the next one is asked. */
const FIRST_MS_MAX = 5_000
const RECEIPT_MS_MAX = 300_000
const RECEIPT_POLL_MS = 500
const CAUSES_MAX = 10

export type Sent = { readonly hash: Hex; readonly blockNumber: number }

type Place = { readonly chain: ViemChain; readonly transport: ReturnType<typeof http> }

function placeAt(url: string, chainId: number): Place {
  const chain = defineChain({
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  return { chain, transport: http(url, { timeout: RPC_TIMEOUT_MS }) }
}

/**
 * The first endpoint that answers for this chain serves the whole command: whoever has to stop payouts must not fail with
 * one that is down. Refuses RPC_FAILED when none does.
 */
async function placeOf({ chainId, rpcUrls }: HostConfig): Promise<Place> {
  const got: string[] = []
  for (const url of rpcUrls) {
    const place = placeAt(url, chainId)
    const answer = await createPublicClient({
      ...place,
      transport: http(url, { timeout: FIRST_MS_MAX, retryCount: 0 }),
    })
      .getChainId()
      .catch(firstLine)
    if (answer === chainId) return place
    // What stands behind the host of an address may be a key.
    got.push(`${typeof answer === 'number' ? `chain ${answer}` : answer} from ${new URL(url).host}`)
  }
  throw new CodedError('RPC_FAILED', `expected an endpoint of chain ${chainId}, got ${got.join('; ')}`)
}

function firstLine(error: unknown): string {
  return ((error as Error).message.split('\n')[0] ?? 'an error').replace(/\.$/, '')
}

/** What a call from `from` would do: nothing is sent. Undefined when it passes, else the anchor's error by name. */
export async function wouldRevert(config: HostConfig, from: Address, data: Hex): Promise<string | undefined> {
  return revertAt(await placeOf(config), { from, to: config.anchor, data })
}

type Call = { readonly from: Address; readonly to: Address; readonly data: Hex }

/** Refuses RPC_FAILED when the endpoint said nothing of the call. */
async function revertAt(place: Place, { from, to, data }: Call): Promise<string | undefined> {
  try {
    await createPublicClient(place).call({ account: from, to, data })
    return undefined
  } catch (cause) {
    if (isSilence(cause)) throw new CodedError('RPC_FAILED', `expected an answer, got ${firstLine(cause)}`, { cause })
    return revertOf(cause)
  }
}

/** The endpoint did not answer, or answered nothing about the call. */
function isSilence(error: unknown): boolean {
  let at: unknown = error
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (at.name === 'HttpRequestError' || at.name === 'TimeoutError') return true
    at = at.cause
  }
  return false
}

function revertOf(error: unknown): string {
  let at: unknown = error
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    const data = (at as { data?: unknown }).data
    const bytes = typeof data === 'object' && data !== null ? (data as { data?: unknown }).data : data
    if (typeof bytes === 'string') return nameOf(bytes as Hex)
    at = at.cause
  }
  return firstLine(error)
}

function nameOf(data: Hex): string {
  try {
    const { errorName, args } = decodeErrorResult({ abi: ANCHOR_ABI, data })
    return `${errorName}(${((args ?? []) as readonly unknown[]).map(String).join(', ')})`
  } catch {
    return data
  }
}

/**
 * Sends a call of the anchor from the key's own account and waits for it. Refuses RPC_FAILED when it would revert or the
 * node does not take it, RPC_TIMEOUT when nobody says that it landed.
 */
export async function sendCall(config: HostConfig, { account, address }: Key, data: Hex): Promise<Sent> {
  const place = await placeOf(config)
  const call = { to: config.anchor, data }
  const why = await revertAt(place, { ...call, from: address })
  if (why !== undefined) throw new CodedError('RPC_FAILED', `expected a call that passes, it would revert: ${why}`)
  const hash = await createWalletClient({ ...place, account })
    .sendTransaction(call)
    .catch((cause: unknown) => {
      const got = `${firstLine(cause)}; look at the account ${address} before you type it again`
      throw new CodedError('RPC_FAILED', `expected the node to take the transaction, got ${got}`, { cause })
    })
  return landed(place, hash)
}

async function landed(place: Place, hash: Hex): Promise<Sent> {
  const options = { hash, timeout: RECEIPT_MS_MAX, pollingInterval: RECEIPT_POLL_MS }
  const { status, blockNumber } = await createPublicClient(place)
    .waitForTransactionReceipt(options)
    .catch((cause: unknown) => {
      throw new CodedError('RPC_TIMEOUT', `expected transaction ${hash} to land, got ${firstLine(cause)}`, { cause })
    })
  if (status !== 'success') throw new CodedError('RPC_FAILED', `expected transaction ${hash} to succeed, it reverted`)
  return { hash, blockNumber: Number(blockNumber) }
}

/** Refuses RPC_FAILED, also where no anchor stands at that address. */
export async function readAnchor(
  config: HostConfig,
  name: 'guardian' | 'authority' | 'approvedAuthority',
): Promise<Address> {
  const rpc = createPublicClient(await placeOf(config))
  const value = await rpc
    .readContract({ address: config.anchor, abi: ANCHOR_ABI, functionName: name })
    .catch((cause: unknown) => {
      const expected = `expected the ${name} of the anchor ${config.anchor}`
      throw new CodedError('RPC_FAILED', `${expected}, got ${firstLine(cause)}`, { cause })
    })
  return value.toLowerCase() as Address
}
