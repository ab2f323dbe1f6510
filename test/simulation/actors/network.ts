/** The chain itself: blocks, reorganisations, fees, rounds, recipients, and strangers who meddle. */
import { payoutTicket, recipientRand } from '../../../enclave/protocol/ticket.ts'
import { BASE_FEE_WEI } from '../chain/chain.ts'
import type { Transaction } from '../chain/state.ts'
import type { World } from '../scene.ts'
import { count, roundHashOf, strikes, struck } from '../world.ts'
import { authorityOf, broadcast } from './broadcast.ts'

const BLOCK_SECONDS_MAX = 40
const SPIKE_FACTORS = [3n, 30n, 300n]
const REORG_DEPTH_MAX = 6
const GWEI = 10n ** 9n
const FUND_WEI = 50n * 10n ** 18n
const FREEZE_LEAP_SECONDS = 31 * 86_400

export function mine(world: World): void {
  const { random, chain } = world
  world.nowSeconds += random.below(BLOCK_SECONDS_MAX)
  chain.baseFeeWei = strikes(world, 'feeSpike') ? BASE_FEE_WEI * random.pick(SPIKE_FACTORS) : BASE_FEE_WEI
  chain.mine(random, world.nowSeconds)
}

export function reorg(world: World): void {
  const { random, chain } = world
  const blocks = chain.reorg(1 + random.below(REORG_DEPTH_MAX), () => strikes(world, 'reorgForgets'))
  if (blocks === 0) return
  struck(world, 'reorg')
  count(world, `reorganisation of ${blocks} blocks`)
}

/** The next round, opened or left closed for a while. Its hash is another one after a reorganisation. */
export function nextRound(world: World): void {
  const { random, chain } = world
  const { round, roundOpen } = chain.tip.state
  const number = roundOpen ? round + 1 : round
  const open = !strikes(world, 'brokerStops', 10)
  chain.poke({ kind: 'round', number, hash: roundHashOf(random, number), open })
}

export function pause(world: World): void {
  const { chain } = world
  const { paused } = chain.tip.state
  chain.poke({ kind: 'pause', paused: !paused })
  struck(world, 'brokerStops')
}

export function togglePayable(world: World): void {
  const { random, chain, payees } = world
  const recipient = random.pick(payees)
  chain.poke({ kind: 'payable', recipient, payable: !chain.tip.state.payable.has(recipient) })
  struck(world, 'unpayable')
}

export function fund(world: World): void {
  world.chain.submit({ kind: 'fund', wei: FUND_WEI })
}

/** Money that is not ours in the authority's deposit: a stray ticket could be redeemed with it. */
export function donate(world: World): void {
  const wei = BigInt(1 + world.random.below(800_000_000)) * GWEI
  world.chain.submit({ kind: 'donate', to: world.chain.tip.state.authority, wei })
  struck(world, 'donation')
}

/** Lifts a ticket out of any call that was ever signed and redeems it at the broker. */
export function redeemStray(world: World): void {
  const ticket = liftTicket(world)
  if (ticket === undefined) return
  world.chain.submit(ticket)
  struck(world, 'strayRedeem')
}

function liftTicket(world: World): Transaction | undefined {
  const { random, calls } = world
  const paying = calls.filter(({ info }) => (info.payouts?.tickets.length ?? 0) > 0)
  if (paying.length === 0) return undefined
  const { info, boot } = random.pick(paying)
  const { payouts } = info
  if (payouts === undefined || payouts.round === null) return undefined
  const position = random.below(payouts.tickets.length)
  const payout = payouts.tickets[position]
  if (payout === undefined) return undefined
  const payoutId = payouts.firstPayoutId + position
  const session = boot.instance.session.address
  const { recipient, amountWei, signature64 } = payout
  const ticket = payoutTicket({
    sender: authorityOf(boot),
    session,
    recipient,
    amountWei,
    payoutId,
    round: payouts.round,
  })
  return { kind: 'redeem', ticket, signature64, rand: recipientRand(session, payoutId) }
}

/** Any call that was ever signed, by whomever, once more. */
export function replayCall(world: World): void {
  if (world.calls.length === 0) return
  broadcast(world, world.random.pick(world.calls))
  struck(world, 'replayed')
}

export function freeze(world: World): void {
  const { random, chain } = world
  if (chain.tip.state.frozenAt === 0) chain.submit({ kind: 'freeze' })
  else if (random.chance(800)) chain.submit({ kind: 'unfreeze' })
  else world.nowSeconds += FREEZE_LEAP_SECONDS
  struck(world, 'frozen')
}
