/** Opens each round some blocks after it began, as Livepeer's keepers do: there is a gap, and it ends. */
import { decodeFunctionResult, encodeFunctionData, type Hex } from 'viem'
import { DEV_ACCOUNTS, devAccount } from './accounts.ts'
import type { Chain } from './chain.ts'
import { BASE_FEE_WEI, CHAIN_ID } from './evm.ts'
import { asRefusal } from './rpc-refusal.ts'
import { WORLD, WORLD_ABI } from './world.ts'

const KEEPER_GAS = 2_000_000n

export type Keeper = { afterBlock(): Promise<void> }

/** A keeper that waits `lagBlocks` blocks into each gap. It rests until the world is installed, and says what fails. */
export function roundKeeper(chain: Chain, lagBlocks: number, say: (line: string) => void): Keeper {
  let gapFromBlock: number | undefined
  let isWorldThere = false
  return {
    async afterBlock() {
      isWorldThere ||= await hasCode(chain)
      const isGap = isWorldThere && !(await isRoundOpen(chain))
      if (!isGap) {
        gapFromBlock = undefined
        return
      }
      const blockNumber = chain.evm.tip.number
      gapFromBlock ??= blockNumber
      if (blockNumber - gapFromBlock < lagBlocks) return
      // Counts anew, so that a transaction that failed is followed by another one.
      gapFromBlock = blockNumber + 1
      await openRound(chain).catch((error: unknown) => say(`round keeper: ${asRefusal(error).message}`))
    },
  }
}

async function hasCode(chain: Chain): Promise<boolean> {
  const code = await chain.evm.request('eth_getCode', [WORLD.roundsManager, 'latest'])
  if (code === '0x') return false
  // The code is there before the controller knows it; a round exists once its length is set.
  return (await readWorld(chain, 'roundLength').catch(() => 0n)) !== 0n
}

async function isRoundOpen(chain: Chain): Promise<boolean> {
  return (await readWorld(chain, 'currentRoundInitialized')) as boolean
}

async function readWorld(chain: Chain, functionName: 'roundLength' | 'currentRoundInitialized'): Promise<unknown> {
  const data = encodeFunctionData({ abi: WORLD_ABI, functionName })
  const answer = await chain.evm.request('eth_call', [{ to: WORLD.roundsManager, data }, 'latest'])
  return decodeFunctionResult({ abi: WORLD_ABI, functionName, data: answer as Hex })
}

async function openRound(chain: Chain): Promise<void> {
  const account = devAccount(DEV_ACCOUNTS.keeper)
  const nonce = (await chain.evm.request('eth_getTransactionCount', [account.address, 'latest'])) as Hex
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId: CHAIN_ID,
    nonce: Number.parseInt(nonce, 16),
    to: WORLD.roundsManager,
    data: encodeFunctionData({ abi: WORLD_ABI, functionName: 'initializeRound' }),
    gas: KEEPER_GAS,
    maxFeePerGas: BASE_FEE_WEI,
    maxPriorityFeePerGas: 0n,
  })
  await chain.submit(raw)
}
