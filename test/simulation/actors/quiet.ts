/** Days on which nobody is hostile: headers land one after the other, and what waits for them comes to its end. */
import type { State } from '../../../enclave/core/state.ts'
import { BASE_FEE_WEI } from '../chain/chain.ts'
import { CHANGE_SECONDS, CHANGE_SEQUENCES } from '../payees.ts'
import type { Boot, World } from '../scene.ts'
import { NO_FAULTS } from '../swarm.ts'
import { count } from '../world.ts'
import { pursue } from './commit.ts'
import { prepare } from './driver.ts'
import { operate } from './intruder.ts'
import { look } from './view.ts'

const INCLUDED_PER_BLOCK_MAX = 8
/** Blocks beyond one for each header: an enclave may have to be started first, and commits be signed again. */
const BLOCKS_MORE_MAX = 12
const PAY_PERMILLE = 150
/** Longer than the longest cadence. */
const HEADER_SECONDS_MIN = 61
const IDLE = { headers: 8, seconds: 3_600 }
/** By how much a quiet time misses what a change waits for, or passes it. */
const MISSED_HEADERS = [1, 1, 30]
const MORE_HEADERS = [0, 0, 2]
const MISSED_SECONDS = 7_200
const MORE_SECONDS = [0, 3_600]

type Span = { readonly headers: number; readonly seconds: number }

export function quietTime(world: World): void {
  const { random, chain, faults } = world
  const { headers, seconds } = spanOf(world, world.operator?.instance.state)
  const first = chain.tip.state.sequence
  world.faults = NO_FAULTS
  calm(world)
  for (let block = 0; block < headers + BLOCKS_MORE_MAX && chain.tip.state.sequence < first + headers; block++) {
    live(world, world.operator)
    world.nowSeconds += Math.max(HEADER_SECONDS_MIN, Math.ceil(seconds / headers))
    chain.mine(random, world.nowSeconds, INCLUDED_PER_BLOCK_MAX)
    world.checks.afterStep(world)
  }
  world.faults = faults
  count(world, 'headers of quiet times', chain.tip.state.sequence - first)
}

/** About as long as some change of recipient still has to wait: a header short of it, hours short of it, or just enough. */
function spanOf({ random, nowSeconds }: World, state: State | undefined): Span {
  const waiting = (state?.accounts ?? []).flatMap(({ pending }) => (pending === null ? [] : [pending]))
  if (state === undefined || waiting.length === 0) return IDLE
  const { sequence, at } = random.pick(waiting)
  const headers = sequence + CHANGE_SEQUENCES - state.sequence
  const seconds = at + CHANGE_SECONDS - nowSeconds
  const kind = random.below(4)
  return {
    headers: Math.max(
      IDLE.headers,
      kind === 0 ? headers - random.pick(MISSED_HEADERS) : headers + random.pick(MORE_HEADERS),
    ),
    seconds: Math.max(IDLE.seconds, kind === 1 ? seconds - MISSED_SECONDS : seconds + random.pick(MORE_SECONDS)),
  }
}

/** The chain is as cheap, and the broker as open, as they mostly are. */
function calm({ chain }: World): void {
  const { frozenAt, paused, brokerKeeps } = chain.tip.state
  chain.baseFeeWei = BASE_FEE_WEI
  if (frozenAt !== 0) chain.submit({ kind: 'unfreeze' })
  if (paused) chain.poke({ kind: 'pause', paused: false })
  if (brokerKeeps) chain.poke({ kind: 'broker', keeps: false })
}

/** One header a block: the last one is confirmed and the next one prepared. */
function live(world: World, boot: Boot | undefined): void {
  const state = boot?.instance.phase === 'active' ? boot.instance.state : undefined
  if (boot === undefined || state === undefined) return operate(world)
  if (state.unlanded !== null) pursue(world, boot, state.unlanded, look(world))
  if (boot !== world.operator || state.unlanded !== null) return
  const isPaying = world.random.chance(PAY_PERMILLE) && prepare(world, boot, 'pay') === undefined
  if (!isPaying) prepare(world, boot, 'bare')
}
