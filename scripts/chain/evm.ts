/** The node underneath: Hardhat's, in this process, told everything that it would otherwise take from clock or dice. */
import { createHardhatRuntimeEnvironment } from 'hardhat/hre'
import { type Hex, keccak256, numberToHex } from 'viem'
import { DEV_ACCOUNTS_MAX, DEV_MNEMONIC } from './accounts.ts'

export const CHAIN_ID = 42161
/** Arbitrum's floor. It is set before every block and so never drifts, whatever the blocks hold. */
export const BASE_FEE_WEI = 10_000_000n
export const BLOCK_GAS_MAX = 100_000_000n
export const GENESIS_AT_MS = 1_700_000_000_000

export type Evm = {
  /** A call of the node's own interface. Throws what the node answers: `{ code, message, data }`. */
  request(method: string, params?: readonly unknown[]): Promise<unknown>
  /** Mines one block for each instant, stamped with its whole seconds; the first takes what the pool holds. */
  mine(...atMs: readonly number[]): Promise<void>
  /** Height and hash of the newest block. */
  readonly tip: { readonly number: number; readonly hash: Hex }
  close(): Promise<void>
}

/** A chain at its genesis block, the same every time. */
export async function openEvm(): Promise<Evm> {
  const connection = await connect()
  const request = (method: string, params: readonly unknown[] = []) =>
    connection.provider.request({ method, params: [...params] }) as Promise<unknown>
  let tip = await readTip(request)
  await pinNext(request, tip.number + 1)
  return {
    request,
    async mine(...instants) {
      for (const [index, atMs] of instants.entries()) {
        await request('evm_mine', [Math.floor(atMs / 1000)])
        await pinNext(request, tip.number + index + 2)
      }
      tip = await readTip(request)
    },
    get tip() {
      return tip
    },
    close: () => connection.close(),
  }
}

async function connect() {
  const hre = await createHardhatRuntimeEnvironment({
    chainDescriptors: {
      [CHAIN_ID]: { name: 'Arbitrum One', chainType: 'l1', hardforkHistory: { prague: { blockNumber: 0 } } },
    },
    networks: { embedded: NETWORK },
  })
  return hre.network.create('embedded')
}

const NETWORK = {
  type: 'edr-simulated',
  chainType: 'l1',
  chainId: CHAIN_ID,
  hardfork: 'prague',
  blockGasLimit: BLOCK_GAS_MAX,
  initialBaseFeePerGas: BASE_FEE_WEI,
  initialDate: new Date(GENESIS_AT_MS),
  // Four blocks share a second at the usual pace, as they do on Arbitrum.
  allowBlocksWithSameTimestamp: true,
  throwOnTransactionFailures: false,
  mining: { auto: false, mempool: { order: 'fifo' } },
  accounts: { mnemonic: DEV_MNEMONIC, count: DEV_ACCOUNTS_MAX },
} as const

// The node draws its own prevRandao from a generator that other calls may move on: a replay makes no such calls.
async function pinNext(request: Evm['request'], blockNumber: number): Promise<void> {
  await request('hardhat_setNextBlockBaseFeePerGas', [numberToHex(BASE_FEE_WEI)])
  await request('hardhat_setPrevRandao', [keccak256(numberToHex(blockNumber, { size: 32 }))])
}

async function readTip(request: Evm['request']): Promise<Evm['tip']> {
  const block = (await request('eth_getBlockByNumber', ['latest', false])) as { number: Hex; hash: Hex }
  return { number: Number.parseInt(block.number, 16), hash: block.hash }
}
