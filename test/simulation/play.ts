/** Any seed as it is meant to be played: in every hundredth one the compiled contract answers everything that the model did. */
import { compareWithContract } from './chain/compare.ts'
import { openRealChain, type RealChain } from './chain/evm.ts'
import { type Played, playSeed } from './run.ts'
import { Violation } from './violation.ts'
import { count } from './world.ts'

export const REAL_EVERY_SEEDS = 100

let opened: Promise<RealChain> | undefined

export async function playAnySeed(seed: number, modelOnly: boolean): Promise<Played> {
  if (modelOnly || seed % REAL_EVERY_SEEDS !== 0) return playSeed(seed)
  return playRealSeed(seed)
}

/** The world with every signature checked, and then the contract beside it. */
export async function playRealSeed(seed: number): Promise<Played> {
  const played = playSeed(seed, { real: true })
  if (played.failure !== undefined) return played
  opened ??= openRealChain()
  try {
    const compared = await compareWithContract(played.world, await opened)
    for (let call = 0; call < compared; call++) count(played.world, 'answers of the contract compared')
    count(played.world, 'worlds with the contract')
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return { ...played, failure: { property: error.property, told: error.message, step: played.steps } }
  }
  return played
}

/** Ends the real chain, if one was opened. */
export async function closeRealChain(): Promise<void> {
  const chain = await opened
  opened = undefined
  await chain?.evm.close()
}
