/** A few calls of JSON-RPC for the scripts of this folder: no cache, no nonce bookkeeping, no retry. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from 'viem'
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { DevAccount } from './accounts.ts'
import { BASE_FEE_WEI, CHAIN_ID } from './evm.ts'

const CALL_MS_MAX = 30_000
const RECEIPT_POLL_MS = 50
const RECEIPT_POLLS_MAX = 400
/** Room for a tip-free transaction even if the floor doubled. */
const FEE_WEI_MAX = BASE_FEE_WEI * 2n

export type Receipt = { status: Hex; blockNumber: Hex; blockHash: Hex; contractAddress: Hex | null; gasUsed: Hex }
export type Transaction = { to?: Hex; data?: Hex; value?: bigint; gas: bigint; nonce?: number }

/** The result of one call. Refuses RPC_FAILED with the endpoint's own words. */
export async function callRpc(url: string, method: string, params: readonly unknown[] = []): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(CALL_MS_MAX),
  })
  const { result, error } = (await response.json()) as { result?: unknown; error?: { code: number; message: string } }
  if (error !== undefined) throw new CodedError('RPC_FAILED', `${method}: ${error.message} (${error.code})`)
  return result
}

/** The count of the account's mined transactions. */
export async function readNonce(url: string, address: Hex): Promise<number> {
  return Number.parseInt((await callRpc(url, 'eth_getTransactionCount', [address, 'latest'])) as Hex, 16)
}

/** Signs and broadcasts; returns the hash once the pool has it. Without a nonce it takes the chain's own count. */
export async function sendTransaction(url: string, account: DevAccount, transaction: Transaction): Promise<Hex> {
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId: CHAIN_ID,
    maxFeePerGas: FEE_WEI_MAX,
    maxPriorityFeePerGas: 0n,
    ...transaction,
    nonce: transaction.nonce ?? (await readNonce(url, account.address)),
  })
  return (await callRpc(url, 'eth_sendRawTransaction', [raw])) as Hex
}

/** The receipt of a transaction that must succeed. Refuses RPC_FAILED when it reverted, RPC_TIMEOUT when it stays out. */
export async function awaitReceipt(url: string, hash: Hex): Promise<Receipt> {
  for (let poll = 0; poll < RECEIPT_POLLS_MAX; poll++) {
    const receipt = (await callRpc(url, 'eth_getTransactionReceipt', [hash])) as Receipt | null
    if (receipt?.status === '0x1') return receipt
    if (receipt !== null) throw new CodedError('RPC_FAILED', `expected transaction ${hash} to succeed, it reverted`)
    await sleep(RECEIPT_POLL_MS)
  }
  throw new CodedError('RPC_TIMEOUT', `transaction ${hash} was not mined in ${RECEIPT_POLLS_MAX * RECEIPT_POLL_MS} ms`)
}
