/** What an endpoint shows of the chain: the truth, an earlier truth, or something made up. */
import { foldHead } from '../../../enclave/protocol/header.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import type { ChainState } from '../chain/state.ts'
import type { World } from '../scene.ts'
import { count } from '../world.ts'

const BEHIND_BLOCKS_MAX = 8
const BITMAP_LIMIT = 16

/** `depth`: how many blocks the reader leaves on top of what it believes. */
export function look(world: World, depth = 0): ChainState {
  const { chain, random, faults } = world
  const truth = chain.blocks[Math.max(0, chain.tip.number - depth)]?.state ?? chain.tip.state
  if (random.chance(faults.rpcInvents)) {
    count(world, 'endpoint invents')
    return invented(world, truth)
  }
  if (random.chance(faults.rpcBehind)) {
    count(world, 'endpoint behind')
    return chain.blocks[Math.max(0, chain.tip.number - random.below(BEHIND_BLOCKS_MAX))]?.state ?? truth
  }
  return truth
}

/** Mostly lies that fit something: that the newest commit landed, with some bitmap, or that the newest one did not. */
function invented(world: World, truth: ChainState): ChainState {
  const { random, calls } = world
  const commit = calls.length === 0 ? undefined : random.pick(calls).commit
  if (commit === undefined || random.chance(200)) {
    return { ...truth, head: toHash(random.bytes(32)), epoch: truth.epoch + random.below(3) }
  }
  const { header, hash, payouts } = commit
  const bitmap = payouts.length === 0 ? null : BigInt(random.below(BITMAP_LIMIT))
  const head = bitmap === null ? hash : foldHead(hash, bitmap)
  return { ...truth, head, sequence: header.sequence, committed: { next: hash, bitmap, sequence: header.sequence } }
}
