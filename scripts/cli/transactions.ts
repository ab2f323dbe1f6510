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
const RECEIPT_MS_MAX = 300_000
const RECEIPT_POLL_MS = 500
const CAUSES_MAX = 10

export type Sent = { readonly hash: Hex; readonly blockNumber: number }

function chainOf({ chainId, rpcUrls }: HostConfig): { chain: ViemChain; transport: ReturnType<typeof http> } {
  const url = rpcUrls[0] ?? ''
  const chain = defineChain({
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  return { chain, transport: http(url, { timeout: RPC_TIMEOUT_MS }) }
}

/** What a call from `from` would do: nothing is sent. Undefined when it passes, else the anchor's error by name. */
export async function wouldRevert(config: HostConfig, from: Address, data: Hex): Promise<string | undefined> {
  const rpc = createPublicClient(chainOf(config))
  try {
    await rpc.call({ account: from, to: config.anchor, data })
    return undefined
  } catch (error) {
    return revertOf(error)
  }
}

function revertOf(error: unknown): string {
  let at: unknown = error
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    const data = (at as { data?: unknown }).data
    const bytes = typeof data === 'object' && data !== null ? (data as { data?: unknown }).data : data
    if (typeof bytes === 'string') return nameOf(bytes as Hex)
    at = at.cause
  }
  return (error as Error).message.split('\n')[0] ?? 'an error'
}

function nameOf(data: Hex): string {
  try {
    const { errorName, args } = decodeErrorResult({ abi: ANCHOR_ABI, data })
    return `${errorName}(${((args ?? []) as readonly unknown[]).map(String).join(', ')})`
  } catch {
    return data
  }
}

/** Sends a call of the anchor from the key's own account and waits for it. Refuses RPC_FAILED when it would revert. */
export async function sendCall(config: HostConfig, { account, address }: Key, data: Hex): Promise<Sent> {
  const why = await wouldRevert(config, address, data)
  if (why !== undefined) throw new CodedError('RPC_FAILED', `expected a call that passes, it would revert: ${why}`)
  const at = chainOf(config)
  const wallet = createWalletClient({ ...at, account })
  const hash = await wallet.sendTransaction({ to: config.anchor, data })
  const options = { hash, timeout: RECEIPT_MS_MAX, pollingInterval: RECEIPT_POLL_MS }
  const { status, blockNumber } = await createPublicClient(at).waitForTransactionReceipt(options)
  if (status !== 'success') throw new CodedError('RPC_FAILED', `expected transaction ${hash} to succeed, it reverted`)
  return { hash, blockNumber: Number(blockNumber) }
}

export async function readAnchor(
  config: HostConfig,
  name: 'guardian' | 'authority' | 'approvedAuthority',
): Promise<Address> {
  const rpc = createPublicClient(chainOf(config))
  const value = await rpc.readContract({ address: config.anchor, abi: ANCHOR_ABI, functionName: name })
  return value.toLowerCase() as Address
}
