/**
 * Everything that an enclave can have become, each once. A moment is a state between two requests: what a live boot holds,
 * and at the same time what the host has stored and may load into another one. The enclave's own core makes each step;
 * equal states (the bytes of their snapshot) are one moment, so a step that many histories share is computed once.
 */
import { createHash } from 'node:crypto'
import type { Claim } from '../../../enclave/core/settle.ts'
import type { State } from '../../../enclave/core/state.ts'
import type { Genesis } from '../../../enclave/protocol/configuration.ts'
import { genesisHash } from '../../../enclave/protocol/configuration.ts'
import { refuse } from '../../../enclave/protocol/errors.ts'
import type { Address, Hash } from '../../../enclave/protocol/ids.ts'
import { ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { wei } from '../../../enclave/protocol/money.ts'
import { aGenesis, aLine, anAddress, aPolicy, bitmapHash } from '../../builders/boot.ts'
import type { Core } from './core.ts'

/** Time stands still: nothing that is searched for rests on a clock. */
const NOW_SECONDS = 1_800_000_000
const UNIT_ETHER = '0.000000000000000001'

/** The log so far: `digest` covers every entry, so equal digests are equal histories. */
export type Log = { readonly size: number; readonly digest: string; readonly parent: Log | null }

export type Paid = { readonly ticket: string; readonly account: number; readonly wei: bigint }

/** A signed commit. The host holds it from the moment on in which it was prepared, and may land it at any time or never. */
export type Call = {
  readonly boot: number
  readonly epoch: number
  readonly sequence: number
  readonly prev: Hash
  readonly next: Hash
  readonly payouts: readonly Paid[]
  /** What the header commits to: the log before it, and each account's columns. */
  readonly log: Log
  readonly creditedWei: readonly bigint[]
  readonly paidWei: readonly bigint[]
}

/** A signed Open, in the host's hands like a call. */
export type Opened = { readonly boot: number; readonly epoch: number; readonly head: Hash }

export type Moment = {
  readonly id: number
  /** Whose session the log names last. */
  readonly boot: number
  readonly snapshot: Uint8Array
  readonly head: Hash
  readonly epoch: number
  readonly log: Log
  /** The commit that nobody has said to have landed or not. */
  readonly unlanded: Call | null
  readonly open: Opened | null
}

export type Loaded = { readonly loaded: Moment; readonly opened: Moment }

export class Moments {
  readonly #core: Core
  readonly #known = new Map<string, Moment>()
  readonly #steps = new Map<string, Moment | Loaded | null>()
  /** The moment that was read last. */
  #read: { readonly of: Moment; readonly state: State } | undefined
  readonly genesis: Moment
  readonly first: Moment

  constructor(core: Core, accounts: number) {
    this.#core = core
    const { state, entries } = makeLedger(core, aSmallGenesis(accounts))
    this.genesis = this.#intern(state, entries, { boot: 0, log: null, call: null, open: null })
    const first = this.load(this.genesis, { head: ZERO_HASH, epoch: 0, bitmap: null }, 0)
    if (first === null) throw new Error('a new ledger opens')
    this.first = first.opened
  }

  get size(): number {
    return this.#known.size
  }

  /** One unit more for the account, by a journal line. */
  credit(at: Moment, account: number): Moment {
    return this.#step(at, `credit ${account}`, (state) => {
      const line = aLine(`orch-${account}`, UNIT_ETHER)
      const { entries } = this.#core.takeLines(state, [line], NOW_SECONDS)
      return this.#intern(state, entries, { ...at, call: at.unlanded })
    }) as Moment
  }

  /** Null where the enclave refuses. */
  prepare(at: Moment, mode: 'pay' | 'bare', budgetWei: bigint): Moment | null {
    return this.#step(at, `prepare ${mode} ${budgetWei}`, (state) => {
      const entries = this.#core.makeCommit(state, mode, wei(budgetWei), NOW_SECONDS)
      return this.#intern(state, entries, { ...at, call: callOf(at.boot, state, append(at.log, entries.slice(0, -1))) })
    }) as Moment | null
  }

  confirm(at: Moment, bits: bigint | null): Moment | null {
    return this.#step(at, `confirm ${bits}`, (state) => {
      const bitmap = bits === null ? null : bitmapHash(bits)
      const body = this.#core.decideSettle(state, at.unlanded?.sequence ?? 0, bitmap)
      const entries = [this.#core.write(state, 'settle', body, NOW_SECONDS)]
      return this.#intern(state, entries, { ...at, call: null })
    }) as Moment | null
  }

  /** Another boot loads this moment under the claim and signs its Open: what both requests leave. Null where it refuses. */
  load(at: Moment, claim: Claim, boot: number): Loaded | null {
    return this.#step(at, `load ${claim.head} ${claim.epoch} ${claim.bitmap} ${boot}`, (state) => {
      // The enclave asks for it before it asks the core.
      if (claim.epoch < state.epoch) refuse('CLAIM_MISMATCH', `a claimed epoch of ${state.epoch} or later`, claim.epoch)
      const verdict = this.#core.decideLoad(state, claim)
      this.#read = undefined
      const entries = []
      if (verdict.kind === 'settle') entries.push(this.#core.write(state, 'settle', verdict.body, NOW_SECONDS))
      if (verdict.kind === 'void') entries.push(this.#core.write(state, 'void', verdict.body, NOW_SECONDS))
      const loaded = this.#intern(state, entries, { ...at, call: null })
      const { head } = state
      const epoch = claim.epoch + 1
      const session = anAddress(0x5000 + boot) as Address
      const body = { epoch, head, session, attestationDigest: ZERO_HASH, imageDigest: state.imageDigest }
      const open = { boot, epoch, head }
      const written = [this.#core.write(state, 'open', body, NOW_SECONDS)]
      return { loaded, opened: this.#intern(state, written, { boot, log: loaded.log, call: null, open }) }
    }) as Loaded | null
  }

  #step<T extends Moment | Loaded>(at: Moment, name: string, act: (state: State) => T): T | null {
    const key = `${at.id} ${name}`
    const known = this.#steps.get(key)
    if (known !== undefined) return known as T | null
    const made = orRefused(() => act(this.#stateOf(at)))
    // What is refused is refused before the first change, so the same state serves the next attempt on this moment.
    if (made !== null) this.#read = undefined
    this.#steps.set(key, made)
    return made
  }

  #stateOf(at: Moment): State {
    if (this.#read?.of !== at) this.#read = { of: at, state: this.#core.decodeSnapshot(at.snapshot) }
    return this.#read.state
  }

  #intern(
    state: State,
    entries: readonly Uint8Array[],
    from: { readonly boot: number; readonly log: Log | null; readonly call: Call | null; readonly open: Opened | null },
  ): Moment {
    const snapshot = this.#core.encodeSnapshot(state)
    const key = `${from.boot} ${digestOf(snapshot)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const { boot, call, open } = from
    const log = append(from.log, entries)
    const { head, epoch } = state
    const moment = { id: this.#known.size, boot, snapshot, head, epoch, log, unlanded: call, open }
    this.#known.set(key, moment)
    return moment
  }
}

/** A refusal has a code, whichever copy of the sources it comes from; anything else is a fault and ends the search. */
function orRefused<T>(attempt: () => T): T | null {
  try {
    return attempt()
  } catch (error) {
    if (typeof (error as { code?: unknown }).code === 'string') return null
    throw error
  }
}

function aSmallGenesis(accounts: number): Genesis {
  return aGenesis({
    policy: aPolicy({
      thresholdWei: wei(1n),
      payoutWeiMin: wei(1n),
      cadenceSeconds: 0,
      backoffSequencesMax: 1,
      payoutsPerCommitMax: accounts,
    }),
    roster: Array.from({ length: accounts }, (_, at) => ({
      id: `orch-${at + 1}`,
      recipient: anAddress(0x1001 + at),
    })),
  })
}

function makeLedger(core: Core, genesis: Genesis): ReturnType<Core['makeGenesis']> {
  const { chainId, anchor, broker } = genesis.policy
  const configuration = {
    chainId,
    anchor,
    broker,
    guardian: anAddress(0xd1),
    role: 'core' as const,
    genesisHash: genesisHash(genesis),
  }
  const keys = { authority: anAddress(0xe1), logKey: ZERO_HASH, imageDigest: ZERO_HASH }
  return core.makeGenesis(configuration, genesis, keys, 0, NOW_SECONDS)
}

function callOf(boot: number, state: State, log: Log): Call {
  const { unlanded, accounts } = state
  if (unlanded === null) throw new Error('a prepared commit is unlanded')
  const { header, hash, payouts } = unlanded
  return {
    boot,
    epoch: header.epoch,
    sequence: header.sequence,
    prev: header.prev,
    next: hash,
    payouts: payouts.map((payout) => ({
      ticket: `${boot}/${payout.payoutId}/${payout.account}/${payout.wei}`,
      account: payout.account,
      wei: payout.wei,
    })),
    log,
    creditedWei: accounts.map((account) => account.creditedWei),
    paidWei: accounts.map((account) => account.paidWei),
  }
}

function append(log: Log | null, entries: readonly Uint8Array[]): Log {
  let end = log
  for (const entry of entries) {
    const digest = digestOf(Buffer.from(end?.digest ?? ''), entry)
    end = { size: (end?.size ?? 0) + 1, digest, parent: end }
  }
  if (end === null) throw new Error('a log begins with genesis')
  return end
}

/** True when everything in `before` stands, entry by entry, at the beginning of `after`. */
export function continues(after: Log, before: Log): boolean {
  let at: Log | null = after
  while (at !== null && at.size > before.size) at = at.parent
  return at !== null && at.digest === before.digest
}

function digestOf(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
