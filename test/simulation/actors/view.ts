/** What an endpoint shows of the chain: the truth, an earlier truth, or something made up. */
import { foldHead } from '../../../enclave/protocol/header.ts'
import { toHash, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import type { ChainState } from '../chain/state.ts'
import type { World } from '../scene.ts'
import { strikes } from '../world.ts'

const BEHIND_BLOCKS_MAX = 8
const BITMAP_LIMIT = 16

/** `depth`: how many blocks the reader leaves on top of what it believes. */
export function look(world: World, depth = 0): ChainState {
  const { chain, random } = world
  const truth = chain.blocks[Math.max(0, chain.tip.number - depth)]?.state ?? chain.tip.state
  if (strikes(world, 'rpcInvents')) return invented(world, truth)
  if (strikes(world, 'rpcBehind'))
    return chain.blocks[Math.max(0, chain.tip.number - random.below(BEHIND_BLOCKS_MAX))]?.state ?? truth
  if (strikes(world, 'rpcMisleads')) return misled(world, truth)
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

/** The head is right, and something beside it is not: what the enclave signs with it reverts, or waits for ever. */
function misled({ random, keys }: World, truth: ChainState): ChainState {
  switch (random.below(6)) {
    case 0:
      return { ...truth, nonces: new Map([...truth.nonces].map(([who, nonce]) => [who, nonce + random.below(3)])) }
    case 1:
      return { ...truth, treasuryWei: truth.treasuryWei * 1_000n }
    case 2:
      return { ...truth, treasuryWei: 0n }
    case 3:
      return { ...truth, roundHashes: new Map([[truth.round, toHash(random.bytes(32))]]) }
    case 4:
      return { ...truth, authority: random.pick(keys.authorities) }
    default:
      return { ...truth, session: ZERO_ADDRESS }
  }
}
