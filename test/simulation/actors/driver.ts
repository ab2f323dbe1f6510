/**
 * Takes one enclave one step further, as a host does: it looks at the chain, decides, calls, stores, broadcasts. Where this
 * world knows a lie, it may be told instead.
 */
import { policyCodec } from '../../../enclave/protocol/policy.ts'
import { bitmapHash } from '../../builders/boot.ts'
import { ask } from '../boot.ts'
import { type ChainState, nonceOf } from '../chain/state.ts'
import type { Boot, World } from '../scene.ts'
import { count, strikes } from '../world.ts'
import { authorityOf, drawFees, noteCall, submit } from './broadcast.ts'
import { pursue } from './commit.ts'
import { feed } from './feed.ts'
import { call, end, store } from './host.ts'
import { loadFromArchive } from './loading.ts'
import { rebuild } from './rebuilding.ts'
import { look } from './view.ts'

const FEED_MEANWHILE_PERMILLE = 250
const REBUILD_PERMILLE = 40
/** More than any treasury of these worlds holds. */
const OVERSPENT_WEI = 2n ** 90n

export function advance(world: World, boot: Boot): void {
  switch (boot.instance.phase) {
    case 'cold':
      return provision(world, boot)
    case 'provisioned':
      return begin(world, boot)
    case 'recovering':
      return recover(world, boot)
    case 'active':
      return work(world, boot)
    case 'halted':
      return end(world, boot)
  }
}

/** With the keys of the authority that the chain names, as far as the host knows. */
function provision(world: World, boot: Boot): void {
  const { random, keys } = world
  const isOther = !boot.isHonest && strikes(world, 'staleLoad')
  const known = keys.authorities.indexOf(look(world).authority)
  const generation = isOther ? random.below(keys.authorities.length) : Math.max(0, known)
  ask(world, boot, 'provision', keys.ciphertexts(generation))
}

function begin(world: World, boot: Boot): void {
  const { random, archive } = world
  const empty = archive.records.every(({ delivered }) => !delivered)
  const again = !boot.isHonest && strikes(world, 'genesisAgain')
  if (empty || again) return genesis(world, boot)
  if (random.chance(REBUILD_PERMILLE) && rebuild(world, boot)) return store(world, boot)
  if (loadFromArchive(world, boot) || rebuild(world, boot)) store(world, boot)
  else if (look(world).sequence === 0 && random.chance(500)) genesis(world, boot)
}

function genesis(world: World, boot: Boot): void {
  const { policy, roster, openings, journalSize, journalHead } = world.genesis
  const amounts = openings.map(({ id, wei, recipient }) => ({ id, wei: wei.toString(), recipient }))
  call(world, boot, 'genesis', {
    policy: policyCodec.encode(policy),
    roster: [...roster],
    openings: amounts,
    journalSize,
    journalHead,
    epoch: look(world).epoch,
  })
  count(world, 'genesis')
}

/** One Open, until it landed or another one took its place. */
function recover(world: World, boot: Boot): void {
  const { random } = world
  const view = look(world)
  const { open } = boot
  if (open === undefined) return openSession(world, boot, view)
  const { epoch, head, session } = openOf(open)
  if (view.session === session || strikes(world, 'lyingSession')) {
    ask(world, boot, 'session_landed', { epoch })
    return
  }
  if (view.epoch >= epoch || view.head !== head) return end(world, boot)
  if (random.chance(300)) openSession(world, boot, view)
}

function openOf({ info }: NonNullable<Boot['open']>): { epoch: number; head: string; session: string } {
  const { decoded } = info
  if (decoded.kind !== 'openSession') throw new Error('an Open is kept as such')
  return decoded.open
}

function openSession(world: World, boot: Boot, view: ChainState): void {
  const fees = drawFees(world)
  const params = { accountNonce: nonceOf(view, authorityOf(boot)), fees: fees.wire }
  const answer = call(world, boot, 'open_session', params)
  if (answer === undefined) return
  if (answer.kind === 'refused') {
    if (answer.code === 'SIGNATURES_SPENT') end(world, boot)
    return
  }
  boot.open = noteCall(world, boot, answer.result, {
    nonce: nonceOf(view, authorityOf(boot)),
    maxFeeWei: fees.maxFeeWei,
  })
  submit(world, boot.open)
}

function work(world: World, boot: Boot): void {
  const { random } = world
  const { state } = boot.instance
  if (state === undefined) return
  // What a lost reply held has to be fetched before anything is broadcast.
  store(world, boot)
  // Intake does not wait for a payment that is under way.
  if (state.unlanded !== null && random.chance(FEED_MEANWHILE_PERMILLE)) return feed(world, boot)
  if (state.unlanded !== null) return pursue(world, boot, state.unlanded, look(world))
  if (strikes(world, 'lyingBitmap')) {
    ask(world, boot, 'confirm_payout', { sequence: state.sequence + 1, bitmap: bitmapHash(1n) })
  }
  if (random.chance(400)) return feed(world, boot)
  prepare(world, boot, random.chance(150) ? 'bare' : 'pay')
}

/** At most what the treasury holds, as the host sees it. */
export function prepare(world: World, boot: Boot, mode: 'pay' | 'bare'): string | undefined {
  const view = look(world)
  const fees = drawFees(world)
  const round = { number: view.round, hash: view.roundHashes.get(view.round) ?? bitmapHash(1n) }
  const answer = call(world, boot, 'prepare_commit', {
    mode,
    budgetWei: (strikes(world, 'overspent') ? OVERSPENT_WEI : view.treasuryWei).toString(),
    round,
    fees: fees.wire,
    accountNonce: nonceOf(view, authorityOf(boot)),
  })
  if (answer === undefined) return undefined
  if (answer.kind === 'refused') return answer.code
  count(world, `prepared ${mode}`)
  boot.commit = noteCall(world, boot, answer.result, {
    nonce: nonceOf(view, authorityOf(boot)),
    maxFeeWei: fees.maxFeeWei,
  })
  submit(world, boot.commit)
  return undefined
}
