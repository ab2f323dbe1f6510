/** Blocks over the model: a pool, blocks that are soft until they lie deep enough, and reorganisations of the soft ones. */
import type { AnchorEvent, BrokerEvent, Call, TreasuryStep } from '../../../auditor/chain-facts.ts'
import { keccak256 } from '../../../enclave/protocol/hash.ts'
import { type Hash, toHash } from '../../../enclave/protocol/ids.ts'
import { utf8 } from '../../../enclave/protocol/words.ts'
import type { Random } from '../random.ts'
import { execute } from './execute.ts'
import type { Rules } from './rules.ts'
import { type ChainState, nonceOf, type Outcome, type Poke, type Transaction } from './state.ts'

export type Included = { readonly transaction: Transaction; readonly hash: Hash; readonly outcome: Outcome }

export type Block = {
  readonly number: number
  readonly atSeconds: number
  readonly baseFeeWei: bigint
  readonly state: ChainState
  readonly pokes: readonly Poke[]
  readonly included: readonly Included[]
  readonly events: readonly AnchorEvent[]
  readonly brokerEvents: readonly BrokerEvent[]
  readonly calls: readonly (readonly [Hash, Call])[]
  readonly treasury: TreasuryStep | undefined
}

/** What the real chain has to be shown to repeat this one. */
export type TraceStep =
  | { readonly kind: 'block'; readonly block: Block }
  | { readonly kind: 'reorg'; readonly depth: number }

type Pending = { readonly transaction: Transaction; readonly hash: Hash; age: number }

export const BASE_FEE_WEI = 10_000_000n
const POOL_MAX = 64
/** A transaction that no block takes is forgotten after so many. */
const PENDING_BLOCKS_MAX = 40
const INCLUDED_PER_BLOCK_MAX = 4

export class Chain {
  readonly rules: Rules
  readonly blocks: Block[]
  /** Blocks that lie so deep are final. */
  readonly finalDepth: number
  readonly trace: TraceStep[] = []
  readonly genesisState: ChainState
  baseFeeWei = BASE_FEE_WEI
  #pool: Pending[] = []
  #pokes: Poke[] = []
  #hashes = 0
  #finalNumber = 0

  constructor(rules: Rules, state: ChainState, atSeconds: number, finalDepth: number) {
    this.rules = rules
    this.finalDepth = finalDepth
    this.genesisState = state
    const genesis = { number: 0, atSeconds, baseFeeWei: BASE_FEE_WEI, state, pokes: [], included: [] }
    this.blocks = [{ ...genesis, events: [], brokerEvents: [], calls: [], treasury: undefined }]
  }

  get tip(): Block {
    return this.blocks[this.blocks.length - 1] as Block
  }

  /** The newest block that no reorganisation takes back. Once final, it stays so, however short the chain becomes. */
  get final(): Block {
    return this.blocks[this.#finalNumber] as Block
  }

  get pending(): number {
    return this.#pool.length
  }

  submit(transaction: Transaction): void {
    const raw = transaction.kind === 'anchor' ? transaction.raw : undefined
    const hash = raw?.hash ?? toHash(keccak256(utf8(`transaction ${this.#hashes++}`)))
    if (this.#pool.length >= POOL_MAX || this.#pool.some((pending) => pending.hash === hash)) return
    this.#pool.push({ transaction, hash, age: 0 })
  }

  /** Whatever waited is gone, as after a long outage of every node. */
  clearPool(): void {
    this.#pool = []
  }

  /** Takes effect with the next block. */
  poke(poke: Poke): void {
    this.#pokes.push(poke)
  }

  /** One more block, with some of what waits, in an order that nobody chose. */
  mine(random: Random, atSeconds: number, includedMax = INCLUDED_PER_BLOCK_MAX): Block {
    const builder = new BlockBuilder(this, atSeconds, this.#pokes)
    this.#pokes = []
    for (let taken = 0; taken < includedMax; taken++) {
      const fitting = this.#pool.filter(({ transaction }) => builder.fits(transaction))
      if (fitting.length === 0) break
      const chosen = random.pick(fitting)
      this.#pool = this.#pool.filter((pending) => pending !== chosen)
      builder.include(chosen.transaction, chosen.hash)
    }
    const block = builder.finish()
    this.blocks.push(block)
    this.trace.push({ kind: 'block', block })
    this.#finalNumber = Math.max(this.#finalNumber, block.number - this.finalDepth)
    this.#ageOut()
    return block
  }

  /** Replaces the newest blocks; what they held waits again unless it is forgotten. Never reaches a final block. */
  reorg(depth: number, isForgotten: () => boolean): number {
    const blocks = Math.min(depth, this.tip.number - this.#finalNumber)
    if (blocks === 0) return 0
    for (const { included, pokes } of this.blocks.splice(this.blocks.length - blocks, blocks)) {
      this.#pokes.push(...pokes)
      for (const { transaction, hash } of included) {
        if (!isForgotten() && this.#pool.length < POOL_MAX) this.#pool.push({ transaction, hash, age: 0 })
      }
    }
    this.trace.push({ kind: 'reorg', depth: blocks })
    return blocks
  }

  #ageOut(): void {
    const { state } = this.tip
    for (const pending of this.#pool) pending.age++
    this.#pool = this.#pool.filter(({ transaction, age }) => {
      const raw = transaction.kind === 'anchor' ? transaction.raw : undefined
      return age < PENDING_BLOCKS_MAX && (raw === undefined || raw.nonce >= nonceOf(state, raw.from))
    })
  }
}

class BlockBuilder {
  readonly #chain: Chain
  readonly #block: {
    number: number
    atSeconds: number
    baseFeeWei: bigint
    pokes: readonly Poke[]
    included: Included[]
    events: AnchorEvent[]
    brokerEvents: BrokerEvent[]
    calls: [Hash, Call][]
  }
  #state: ChainState
  #logIndex = 0

  constructor(chain: Chain, atSeconds: number, pokes: readonly Poke[]) {
    const { tip } = chain
    this.#chain = chain
    this.#state = { ...tip.state }
    this.#block = {
      number: tip.number + 1,
      atSeconds: Math.max(atSeconds, tip.atSeconds),
      baseFeeWei: chain.baseFeeWei,
      pokes,
      included: [],
      events: [],
      brokerEvents: [],
      calls: [],
    }
    for (const poke of pokes) applyPoke(this.#state, poke)
  }

  /** The authority's own transactions go by their number and pay the base fee; a relayer pays whatever it takes. */
  fits(transaction: Transaction): boolean {
    const raw = transaction.kind === 'anchor' ? transaction.raw : undefined
    if (raw === undefined) return true
    return raw.nonce === nonceOf(this.#state, raw.from) && raw.maxFeeWei >= this.#block.baseFeeWei
  }

  include(transaction: Transaction, hash: Hash): void {
    const { rules } = this.#chain
    const { state, outcome } = execute({ state: this.#state, rules, atSeconds: this.#block.atSeconds }, transaction)
    this.#state = state
    this.#block.included.push({ transaction, hash, outcome })
    if (outcome.kind === 'reverted') return
    const where = () => ({ block: this.#block.number, logIndex: this.#logIndex++, transaction: hash })
    for (const event of outcome.broker) this.#block.brokerEvents.push({ ...event, ...where() } as BrokerEvent)
    for (const event of outcome.events) this.#block.events.push({ ...event, ...where() } as AnchorEvent)
    const call = transaction.kind === 'anchor' ? transaction.call : undefined
    if (call?.payouts !== undefined && call.decoded.kind === 'commitAndPay')
      this.#block.calls.push([hash, { payouts: call.payouts, skip: call.decoded.skip }])
  }

  finish(): Block {
    const { tip } = this.#chain
    const { number, events } = this.#block
    const paid = events.some(({ kind }) => kind === 'settled')
    const [beforeWei, afterWei] = [tip.state.treasuryWei, this.#state.treasuryWei]
    return { ...this.#block, state: this.#state, treasury: paid ? { block: number, beforeWei, afterWei } : undefined }
  }
}

function applyPoke(state: ChainState, poke: Poke): void {
  switch (poke.kind) {
    case 'payable': {
      const payable = new Set(state.payable)
      if (poke.payable) payable.add(poke.recipient)
      else payable.delete(poke.recipient)
      state.payable = payable
      state.reentering = new Map([...state.reentering].filter(([recipient]) => recipient !== poke.recipient))
      return
    }
    case 'round':
      state.round = poke.number
      state.roundOpen = poke.open
      if (poke.open) state.roundHashes = new Map(state.roundHashes).set(poke.number, poke.hash)
      return
    case 'pause':
      state.paused = poke.paused
      return
    case 'reenter':
      state.payable = new Set(state.payable).add(poke.recipient)
      state.reentering = new Map(state.reentering).set(poke.recipient, poke.call)
      return
    case 'broker':
      state.brokerKeeps = poke.keeps
  }
}
