/** One seed, from its first step to the moment when everybody is paid. */
import { talkNonsense } from './actors/nonsense.ts'
import { question } from './actors/questions.ts'
import { schedule, takeTurn } from './actors/schedule.ts'
import { Checks } from './checkers/checks.ts'
import { closeAudit } from './checkers/closing.ts'
import { settleAll } from './liveness.ts'
import { Random } from './random.ts'
import type { World } from './scene.ts'
import { Violation } from './violation.ts'
import { count, newWorld, type WorldOptions } from './world.ts'

export type Played = {
  readonly seed: number
  readonly steps: number
  readonly figures: ReadonlyMap<string, number>
  readonly failure: { readonly property: string; readonly told: string; readonly step: number } | undefined
  readonly world: World
}

/** Before the faults stop; what follows takes ten steps at the least. */
const STEPS_MIN = 190
const STEPS_MORE_MAX = 20
/** Of whoever asks without changing anything. */
const CURIOUS_STREAM = 0x1f83d9ab

export function playSeed(seed: number, options: WorldOptions = { real: false }): Played {
  const checks = new Checks()
  const world = newWorld(seed, checks, options)
  const progress = { steps: 0 }
  try {
    play(world, checks, progress)
  } catch (error) {
    const property = error instanceof Violation ? error.property : 'the simulator itself'
    const told = error instanceof Violation ? error.message : error instanceof Error ? `${error.stack}` : String(error)
    return { seed, ...progress, figures: world.figures, failure: { property, told, step: progress.steps }, world }
  }
  return { seed, ...progress, figures: world.figures, failure: undefined, world }
}

function play(world: World, checks: Checks, progress: { steps: number }): void {
  const { random, chain, keys } = world
  chain.submit({ kind: 'appoint', authority: keys.authorities[0] })
  for (let depth = 0; depth <= chain.finalDepth; depth++) chain.mine(random, world.nowSeconds)
  const turns = schedule(world)
  const dice = new Random(world.seed, CURIOUS_STREAM)
  const steps = STEPS_MIN + random.below(STEPS_MORE_MAX)
  for (let step = 0; step < steps; step++) {
    progress.steps++
    takeTurn(world, turns)
    checks.afterStep(world)
    question(world, dice)
    talkNonsense(world, dice)
  }
  settleAll(world, () => {
    progress.steps++
    checks.afterStep(world)
  })
  closeAudit(world, checks.auditor)
  count(world, 'worlds')
}
