/** Any seed as it is meant to be played: every hundredth one with the compiled contract beside the model. */
import { type Played, playSeed } from './run.ts'

export const REAL_EVERY_SEEDS = 100

export async function playAnySeed(seed: number, modelOnly: boolean): Promise<Played> {
  if (modelOnly || seed % REAL_EVERY_SEEDS !== 0) return playSeed(seed)
  return playSeed(seed, { real: true })
}
