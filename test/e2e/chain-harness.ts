import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from 'viem'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { BASE_FEE_WEI, CHAIN_ID } from '../../scripts/chain/evm.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import { type RunningChain, type StartChainOptions, startChain } from '../../scripts/chain/start.ts'

export const PAYEE: Hex = `0x${'ab'.repeat(20)}`
export const OTHER: Hex = `0x${'cd'.repeat(20)}`

const BLOCK_MS = 50
const POLL_MS = 10
const POLLS_MAX = 6_000

/** Folders and chain processes of one suite; `clear` ends and removes them all. */
export function chainWorkshop() {
  const folders: string[] = []
  const running: RunningChain[] = []
  return {
    async folder(): Promise<string> {
      const folder = await mkdtemp(join(tmpdir(), 'anchorhold-chain-'))
      folders.push(folder)
      return folder
    },
    async start(options: StartChainOptions): Promise<RunningChain> {
      const chain = await startChain({ blockMs: BLOCK_MS, ...options })
      running.push(chain)
      return chain
    },
    async clear(): Promise<void> {
      for (const chain of running.splice(0)) await chain.stop()
      for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
    },
  }
}

export type TransferOptions = {
  from?: number
  nonce: number
  to?: Hex
  value?: bigint
  feeWei?: bigint
  chainId?: number
}

/** A signed transfer, as its sender would broadcast it. */
export function aTransfer(options: TransferOptions): Promise<Hex> {
  const { from = 5, nonce, to = PAYEE, value = 1n, feeWei = BASE_FEE_WEI, chainId = CHAIN_ID } = options
  return devAccount(from).signTransaction({
    type: 'eip1559',
    chainId,
    nonce,
    to,
    value,
    gas: 21_000n,
    maxFeePerGas: feeWei,
    maxPriorityFeePerGas: 0n,
  })
}

/** A broadcast that waits for its receipt inside the call. */
export function sendMined(url: string, raw: Hex): Promise<{ blockNumber: Hex; blockHash: Hex; status: Hex }> {
  return callRpc(url, 'eth_sendRawTransactionSync', [raw]) as Promise<{ blockNumber: Hex; blockHash: Hex; status: Hex }>
}

export async function heightOf(url: string): Promise<number> {
  return Number.parseInt((await callRpc(url, 'eth_blockNumber')) as Hex, 16)
}

/** Hashes of the blocks 0 to `height`, in order. */
export async function hashesUpTo(url: string, height: number): Promise<Hex[]> {
  const hashes: Hex[] = []
  for (let number = 0; number <= height; number++) {
    const block = await callRpc(url, 'eth_getBlockByNumber', [`0x${number.toString(16)}`, false])
    hashes.push((block as { hash: Hex }).hash)
  }
  return hashes
}

export async function balanceOf(url: string, address: Hex, block = 'latest'): Promise<bigint> {
  return BigInt((await callRpc(url, 'eth_getBalance', [address, block])) as Hex)
}

/** Ends a chain the hard way and waits until it is gone. */
export async function killHard(chain: RunningChain): Promise<void> {
  process.kill(chain.pid, 'SIGKILL')
  await chain.ended
}

export async function until(claim: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    if (await isSo()) return
    await sleep(POLL_MS)
  }
  throw new Error(`waited in vain until ${claim}`)
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** What a raw POST answers: the whole JSON-RPC answer, errors included. */
export async function post(url: string, body: unknown): Promise<unknown> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text })
  return response.json()
}

/** The error of one call. */
export async function refusalOf(
  url: string,
  method: string,
  params: readonly unknown[],
): Promise<{ code: number; message: string }> {
  const answer = (await post(url, { jsonrpc: '2.0', id: 1, method, params })) as {
    error?: { code: number; message: string }
  }
  if (answer.error === undefined) throw new Error(`expected ${method} to be refused, got ${JSON.stringify(answer)}`)
  return answer.error
}
