/**
 * Worlds and the adversary's moves. He runs the host: he keeps every moment of every boot, loads any of them with any
 * claim, feeds credits, tells settlements, and lands whatever was signed, when and as often as the anchor takes it.
 */
import type { Claim } from '../../../enclave/core/settle.ts'
import { bitmapHash } from '../../builders/boot.ts'
import type { Contract, Rules } from './contract.ts'
import { donate, landCommit, landOpen, newContract, redeemStray, sumOf } from './contract.ts'
import type { Core } from './core.ts'
import { Memories, type Memory } from './memories.ts'
import type { Call, Moment, Moments } from './moments.ts'

/** How much of everything there is. */
export type Bounds = {
  readonly accounts: number
  /** Credits of one unit, all boots together. */
  readonly creditsMax: number
  readonly bootsMax: number
  /** Commits that are ever prepared, all boots together. */
  readonly commitsMax: number
  readonly donationsMax: number
  /** How far past the anchor's a claimed epoch may be. */
  readonly epochsAheadMax: number
  /** Whether a commit may pay less than is due, and whether one may pay nobody. */
  readonly budgetsWei: readonly bigint[]
  readonly bare: boolean
}

/** boots[k] is where boot k stands. A boot that dies is one that never moves again. */
export type World = {
  readonly contract: Contract
  readonly memory: Memory
  readonly boots: readonly Moment[]
  readonly credits: number
}

export type Move = { readonly world: World; readonly say: () => string }

export class Worlds {
  readonly core: Core
  readonly moments: Moments
  readonly rules: Rules
  readonly bounds: Bounds
  readonly #memories: Memories
  readonly first: World

  constructor(core: Core, moments: Moments, rules: Rules, bounds: Bounds) {
    this.core = core
    this.moments = moments
    this.rules = rules
    this.bounds = bounds
    this.#memories = new Memories()
    const memory = this.#memories.add(this.#memories.add(this.#memories.empty, moments.genesis), moments.first)
    this.first = { contract: newContract(bounds.accounts), memory, boots: [moments.first], credits: 0 }
  }

  *moves(world: World): Generator<Move> {
    for (const [boot, at] of world.boots.entries()) yield* this.#asked(world, boot, at)
    if (world.boots.length < this.bounds.bootsMax) yield* this.#reboots(world)
    yield* this.#landings(world)
    yield* this.#gifts(world)
  }

  /** What a live boot is asked for. */
  *#asked(world: World, boot: number, at: Moment): Generator<Move> {
    if (world.credits < this.bounds.creditsMax) {
      for (let account = 1; account <= this.bounds.accounts; account++) {
        const next = { ...world, credits: world.credits + 1 }
        yield this.#moved(next, boot, this.moments.credit(at, account), () => `credits account ${account}`)
      }
    }
    if (at.unlanded === null) {
      if (world.memory.calls.length < this.bounds.commitsMax) yield* this.#prepares(world, boot, at)
    } else {
      for (const bits of bitmapsOf(at.unlanded)) {
        const next = this.moments.confirm(at, bits)
        if (next !== null) yield this.#moved(world, boot, next, () => `is told that bitmap ${textOf(bits)} landed`)
      }
    }
  }

  *#prepares(world: World, boot: number, at: Moment): Generator<Move> {
    const seen = new Set<Moment>()
    for (const budgetWei of this.bounds.budgetsWei) {
      const next = this.moments.prepare(at, 'pay', budgetWei)
      if (next === null || seen.has(next)) continue
      seen.add(next)
      yield this.#moved(world, boot, next, () => `prepares ${describe(next.unlanded)}`)
    }
    const next = this.bounds.bare ? this.moments.prepare(at, 'bare', 0n) : null
    if (next !== null) yield this.#moved(world, boot, next, () => `prepares ${describe(next.unlanded)}`)
  }

  #moved(world: World, boot: number, next: Moment, what: () => string): Move {
    const boots = world.boots.with(boot, next)
    return {
      world: { ...world, boots, memory: this.#memories.add(world.memory, next) },
      say: () => `boot ${boot} ${what()}`,
    }
  }

  *#landings(world: World): Generator<Move> {
    for (const open of world.memory.opens) {
      const contract = landOpen(this.rules, world.contract, open)
      if (contract !== null) {
        yield { world: { ...world, contract }, say: () => `the Open of boot ${open.boot} lands, epoch ${open.epoch}` }
      }
    }
    for (const call of world.memory.calls) {
      for (const bits of bitmapsOf(call)) {
        const contract = landCommit(this.rules, world.contract, call, bits)
        if (contract === null) continue
        yield {
          world: { ...world, contract },
          say: () => `${describe(call)} of boot ${call.boot} lands with bitmap ${textOf(bits)}`,
        }
      }
    }
  }

  *#reboots(world: World): Generator<Move> {
    const boot = world.boots.length
    for (const at of world.memory.moments) {
      for (const claim of this.#claims(world.contract, at)) {
        const made = this.moments.load(at, claim, boot)
        if (made === null) continue
        const memory = this.#memories.add(this.#memories.add(world.memory, made.loaded), made.opened)
        const next = { ...world, memory, boots: [...world.boots, made.opened] }
        yield {
          world: next,
          say: () => `boot ${boot} loads ${sayMoment(at)}, claiming ${sayClaim(world.contract, at, claim)}`,
        }
      }
    }
  }

  /** Every claim that could be believed: true or false, of this moment or of the chain, of this epoch or a later one. */
  *#claims({ head, epoch }: Contract, at: Moment): Generator<Claim> {
    const heads = new Map<string, Omit<Claim, 'epoch'>>()
    const add = (claimed: Claim['head'], bitmap: Claim['bitmap']): unknown =>
      heads.set(`${claimed} ${bitmap}`, { head: claimed, bitmap })
    add(head, null)
    add(at.head, null)
    if (at.unlanded !== null) {
      add(at.unlanded.next, null)
      for (const bits of bitmapsOf(at.unlanded)) {
        if (bits === null) continue
        add(this.rules.fold(at.unlanded.next, bits), bitmapHash(bits))
        add(head, bitmapHash(bits))
      }
    }
    const latest = Math.max(epoch, at.epoch)
    for (let claimed = latest; claimed <= latest + this.bounds.epochsAheadMax; claimed++) {
      for (const rest of heads.values()) yield { ...rest, epoch: claimed }
    }
  }

  *#gifts(world: World): Generator<Move> {
    const { contract } = world
    if (contract.donatedWei < BigInt(this.bounds.donationsMax)) {
      yield { world: { ...world, contract: donate(contract, 1n) }, say: () => 'a donor puts 1 wei into the deposit' }
    }
    if (contract.depositWei === 0n) return
    for (const call of world.memory.calls) {
      for (const stray of call.payouts) {
        const redeemed = redeemStray(contract, stray)
        if (redeemed === null) continue
        yield {
          world: { ...world, contract: redeemed },
          say: () => `account ${stray.account} redeems its ticket ${stray.ticket} out of the deposit`,
        }
      }
    }
  }
}

/** All that can be said of which payouts went through: null of a commit without any. */
function bitmapsOf({ payouts }: Call): readonly (bigint | null)[] {
  if (payouts.length === 0) return [null]
  return Array.from({ length: 2 ** payouts.length }, (_, bits) => BigInt(bits))
}

function describe(call: Call | null): string {
  if (call === null) return 'nothing'
  if (call.payouts.length === 0) return `commit ${call.sequence}, bare,`
  return `commit ${call.sequence} with ${sumOf(call.payouts)} wei for ${call.payouts.map(({ account }) => `account ${account}`).join(' and ')}`
}

function sayMoment({ boot, log, unlanded }: Moment): string {
  const end = unlanded === null ? '' : `, commit ${unlanded.sequence} unlanded`
  return `what boot ${boot} had stored after ${log.size} entries${end}`
}

function sayClaim(contract: Contract, at: Moment, { head, epoch, bitmap }: Claim): string {
  const truth = head === contract.head ? "the anchor's head" : head === at.head ? 'the head before' : 'another head'
  return `${truth}${bitmap === null ? '' : `, bitmap ${textOf(BigInt(bitmap))}`} and epoch ${epoch}`
}

function textOf(bits: bigint | null): string {
  return bits === null ? 'none' : bits.toString(2)
}
