/** What becomes of an unlanded commit: confirmed, signed again, or given up together with the enclave. */
import type { Unlanded } from '../../../enclave/core/state.ts'
import { bitmapHash } from '../../builders/boot.ts'
import { type ChainState, nonceOf } from '../chain/state.ts'
import type { Boot, World } from '../scene.ts'
import { count, strikes, struck } from '../world.ts'
import { authorityOf, drawFees, noteCall, submit } from './broadcast.ts'
import { call, end } from './host.ts'

const GIVE_UP_PERMILLE = 700
/** Somebody resigns now and then in any world: a round went by, a fee rose, a payee cannot be paid. */
const RESIGN_PERMILLE = 120

export function pursue(world: World, boot: Boot, unlanded: Unlanded, view: ChainState): void {
  const { random, faults } = world
  if (strikes(world, 'lyingBitmap')) return confirmFalsely(world, boot, unlanded)
  const landed = view.committed?.next === unlanded.hash ? view.committed : undefined
  if (landed !== undefined) return confirm(world, boot, unlanded, landed.bitmap)
  const isOurs = view.session === boot.instance.session.address && view.head === unlanded.header.prev
  if (!isOurs) {
    if (random.chance(GIVE_UP_PERMILLE)) end(world, boot)
    return
  }
  if (boot.commit?.commit?.hash !== unlanded.hash) return resign(world, boot, unlanded, view)
  if (random.chance(faults.resigned + RESIGN_PERMILLE)) {
    if (faults.resigned > 0) struck(world, 'resigned')
    return resign(world, boot, unlanded, view)
  }
  if (random.chance(300)) submit(world, boot.commit)
}

function confirm(world: World, boot: Boot, unlanded: Unlanded, bitmap: bigint | null): void {
  const sequence = unlanded.header.sequence
  const answer = call(world, boot, 'confirm_payout', { sequence, bitmap: bitmap === null ? null : bitmapHash(bitmap) })
  if (answer?.kind === 'result') count(world, 'confirmed')
}

/** Says that it landed when nobody knows, with bits that nobody saw. */
function confirmFalsely(world: World, boot: Boot, { header, payouts }: Unlanded): void {
  const bits = BigInt(world.random.below(2 ** Math.min(payouts.length, 16)))
  const bitmap = payouts.length === 0 ? null : bitmapHash(bits)
  const answer = call(world, boot, 'confirm_payout', { sequence: header.sequence, bitmap })
  if (answer?.kind === 'result') count(world, 'confirmed blindly')
}

/** The same header under other fees, another round, or with payouts left out that a simulation shows to fail. */
export function resign(world: World, boot: Boot, { payouts }: Unlanded, view: ChainState): void {
  const fees = drawFees(world)
  const skip = payouts.flatMap(({ kind, recipient }, position) => {
    const fails = kind === 'ticket' && !view.payable.has(recipient)
    return fails || strikes(world, 'skipped') ? [position] : []
  })
  const answer = call(world, boot, 'resign_commit', {
    skip,
    round: { number: view.round, hash: view.roundHashes.get(view.round) ?? bitmapHash(1n) },
    fees: fees.wire,
    accountNonce: nonceOf(view, authorityOf(boot)),
  })
  if (answer === undefined) return
  if (answer.kind === 'refused') {
    // Nothing can be signed any more for this sequence: another boot voids it or finds it landed.
    if (answer.code === 'SIGNATURES_SPENT') end(world, boot)
    return
  }
  count(world, 'signed again')
  boot.commit = noteCall(world, boot, answer.result, {
    nonce: nonceOf(view, authorityOf(boot)),
    maxFeeWei: fees.maxFeeWei,
  })
  submit(world, boot.commit)
}
