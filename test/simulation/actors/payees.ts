/** What payees, relayers and Livepeer's governance do to a payout on its way: call back, give too little gas, keep the money. */
import type { Address } from '../../../enclave/protocol/ids.ts'
import type { SignedCall, World } from '../scene.ts'
import { struck } from '../world.ts'

const GOOD_PERMILLE = 700
const OWNER_PERMILLE = 300

/** A payee's code gets an Open that would be good right now, or any call at all: whatever the guard has to keep out. */
export function reenter(world: World): void {
  const { random, chain, calls } = world
  if (calls.length === 0) return
  const { epoch, head } = chain.tip.state
  const good = calls.findLast(
    ({ info: { decoded } }) =>
      decoded.kind === 'openSession' && decoded.open.epoch === epoch + 1 && decoded.open.head === head,
  )
  const { info } = good !== undefined && random.chance(GOOD_PERMILLE) ? good : random.pick(calls)
  chain.poke({ kind: 'reenter', recipient: pickPayee(world), call: info })
  struck(world, 'reentrant')
}

/** Whom the commit that is under way pays, if there is one. Tickets run no code of their payees; a drain is a transfer in every world. */
function pickPayee({ random, chain, calls, payees, genesis }: World): Address {
  const { epoch, head } = chain.tip.state
  const underWay = calls.findLast(
    ({ info: { decoded } }) =>
      decoded.kind === 'commitAndPay' && decoded.commit.epoch === epoch && decoded.commit.prev === head,
  )
  const paid = underWay?.info.payouts?.transfers ?? []
  if (paid.length > 0) return random.pick(paid).recipient
  const { strategy, treasuryOwner } = genesis.policy
  return strategy === 'ticket' || random.chance(OWNER_PERMILLE) ? treasuryOwner : random.pick(payees)
}

/** Relays the newest payout of transfers alone, with gas for everything before the first of them. */
export function starve(world: World): void {
  const call = world.calls.findLast(isTransfersOnly)
  if (call === undefined) return
  world.chain.submit({ kind: 'anchor', call: call.info, raw: undefined, isStarved: true })
  struck(world, 'starved')
}

function isTransfersOnly({ info: { decoded, payouts } }: SignedCall): boolean {
  if (decoded.kind !== 'commitAndPay' || payouts === undefined) return false
  const tickets = BigInt(payouts.tickets.length)
  const all = tickets + BigInt(payouts.transfers.length)
  const kept = ~decoded.skip & ((1n << all) - 1n)
  return kept >> tickets > 0n && (kept & ((1n << tickets) - 1n)) === 0n
}

/** Until the next time, and no longer than the faults last. */
export function keepMoney(world: World): void {
  const { chain } = world
  chain.poke({ kind: 'broker', keeps: !chain.tip.state.brokerKeeps })
  struck(world, 'brokerKeeps')
}
