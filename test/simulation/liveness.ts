/** When faults stop, the host is honest and has every blob that was ever delivered: then everybody is paid, in bounded steps. */
import type { Account, State } from '../../enclave/core/state.ts'
import type { Address } from '../../enclave/protocol/ids.ts'
import { pursue } from './actors/commit.ts'
import { advance, prepare } from './actors/driver.ts'
import { cursorOf, feed } from './actors/feed.ts'
import { store } from './actors/host.ts'
import { nextSeqOf } from './actors/reporters.ts'
import { look } from './actors/view.ts'
import { newBoot } from './boot.ts'
import { BASE_FEE_WEI } from './chain/chain.ts'
import { linesBetween } from './journal.ts'
import { ripened } from './payees.ts'
import type { Boot, World } from './scene.ts'
import { NO_FAULTS } from './swarm.ts'
import { claim, Violation } from './violation.ts'
import { roundHashOf } from './world.ts'

const PROPERTY = 'everybody honest is paid'
const ROUNDS_MAX = 200
const BOOTS_MAX = 5
const INCLUDED_PER_BLOCK_MAX = 8
const TREASURY_WEI = 1_000n * 10n ** 18n
const CADENCE_SECONDS = 61
const SKEW_SECONDS = 200_000

export function settleAll(world: World, afterStep: () => void): void {
  stopFaults(world)
  const mine = (): void => {
    world.nowSeconds += CADENCE_SECONDS
    world.chain.mine(world.random, world.nowSeconds, INCLUDED_PER_BLOCK_MAX)
    afterStep()
  }
  mine()
  const last = payEverybody(world, mine, afterStep)
  for (let depth = 0; depth <= world.chain.finalDepth; depth++) mine()
  judge(world, last)
}

/** The enclave that paid the last one. One that has no signature left for its commit is followed by another boot. */
function payEverybody(world: World, mine: () => void, afterStep: () => void): Boot {
  let boots = 0
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (world.boots.length === 0) {
      claim(
        PROPERTY,
        boots++ < BOOTS_MAX,
        () => `${BOOTS_MAX} enclaves gave up at the chain's head ${look(world).head}`,
      )
      newBoot(world, false)
    }
    const boot = world.boots[0] as Boot
    const isDone = boot.instance.phase === 'active' ? work(world, boot) : bringUp(world, boot)
    afterStep()
    if (isDone) return boot
    mine()
  }
  throw new Violation(PROPERTY, `not done after ${ROUNDS_MAX} rounds`)
}

function stopFaults(world: World): void {
  const { chain, payees, random } = world
  world.faults = NO_FAULTS
  world.boots.length = 0
  world.operator = undefined
  // A time that was once shown to an enclave stays in its log: bare commits wait until the clock has come there.
  world.nowSeconds += SKEW_SECONDS
  const { state } = chain.tip
  chain.clearPool()
  chain.baseFeeWei = BASE_FEE_WEI
  chain.poke({ kind: 'pause', paused: false })
  chain.poke({ kind: 'broker', keeps: false })
  chain.poke({ kind: 'round', number: state.round + 1, hash: roundHashOf(random, state.round + 1), open: true })
  for (const recipient of payees) chain.poke({ kind: 'payable', recipient, payable: true })
  chain.submit({ kind: 'unfreeze' })
  chain.submit({ kind: 'fund', wei: TREASURY_WEI })
}

function bringUp(world: World, boot: Boot): boolean {
  const { instance } = boot
  advance(world, boot)
  claim(PROPERTY, instance.phase !== 'halted', () => `halted: ${instance.haltReason}`)
  return false
}

/** True when nothing is left to feed, to pay or to anchor. */
function work(world: World, boot: Boot): boolean {
  const { state } = boot.instance
  claim(PROPERTY, state !== undefined, () => 'an active enclave has a state')
  store(world, boot)
  if (state.unlanded !== null) {
    pursue(world, boot, state.unlanded, look(world))
    return false
  }
  if (!hasInput(world, boot)) return payNext(world, boot)
  feed(world, boot)
  return false
}

/** A journal that was forked below what is anchored has nothing to say any more. */
function hasInput(world: World, boot: Boot): boolean {
  if (boot.instance.state?.policy.credits === 'signed') {
    return world.governance?.desks.some((desk) => nextSeqOf(boot, desk) <= desk.credits.length) ?? false
  }
  const cursor = cursorOf(world, boot)
  return cursor !== undefined && (linesBetween(cursor, world.journal)?.length ?? 0) > 0
}

/** Whoever waits for his turn after a failed payout waits for sequences, which bare commits make. */
function payNext(world: World, boot: Boot): boolean {
  const { state } = boot.instance
  const refused = prepare(world, boot, 'pay')
  if (refused !== 'NOTHING_DUE') return false
  const waiting = state?.accounts.some(({ retrySequence }) => retrySequence > state.sequence + 1) ?? false
  // A window that binds lets its payees wait for time, which blocks bring.
  if (!waiting && world.isCapped && unpaid(world, boot).next().done !== true) return false
  const unanchored = state?.lastHeader === null || (state?.touched.size ?? 0) > 0
  if (!waiting && !unanchored) return true
  prepare(world, boot, 'bare')
  return false
}

/** Accounts that policy would pay, and what they are owed. */
function* unpaid(world: World, { instance: { state } }: Boot): Generator<readonly [id: string, owedWei: bigint]> {
  if (state === undefined) return
  const { thresholdWei, payoutWeiMin, deniedRecipients } = state.policy
  for (const account of state.accounts) {
    const owedWei = account.creditedWei - account.paidWei - account.reservedWei
    const isSmall = owedWei < thresholdWei || owedWei < payoutWeiMin
    const isDenied = payeesOf(world, state, account).some((payee) => deniedRecipients.includes(payee))
    if (!isSmall && BigInt(account.recipient) !== 0n && !isDenied) yield [account.id, owedWei]
  }
}

/** Between the last payout and now somebody may have waited long enough. */
function payeesOf({ nowSeconds }: World, { sequence, at }: State, { recipient, pending, regSeq }: Account): Address[] {
  const payee = { recipient, waiting: pending ?? undefined, isHeir: false, regSeq }
  return [at, Math.max(at, nowSeconds)].map((time) => ripened(payee, { sequence, at: time }).recipient ?? recipient)
}

/** What is left on any account is below what policy pays out. */
function judge(world: World, boot: Boot): void {
  const { state } = boot.instance
  if (state === undefined) return
  for (const [id, owedWei] of unpaid(world, boot)) claim(PROPERTY, false, () => `${id} is owed ${owedWei} wei`)
  const receivedWei = [...world.chain.tip.state.receivedWei.values()].reduce((sum, wei) => sum + wei, 0n)
  claim(PROPERTY, receivedWei === state.paidWei, () => `paid ${state.paidWei} wei, received ${receivedWei}`)
}
