/** What landed on the chain, judged against everything that the world knows and the contract does not. */
import type { Committed, Rotated, SessionOpened, Settled } from '../../../auditor/chain-facts.ts'
import { type Address, ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { Block, Included } from '../chain/chain.ts'
import type { CallInfo } from '../chain/state.ts'
import { type LogNode, pathBetween } from '../log-branch.ts'
import type { CommitInfo, Inputs, Landing, World } from '../scene.ts'
import { claim, type Property } from '../violation.ts'
import { count } from '../world.ts'
import { inputsAfter } from './inputs.ts'
import { payeeOf } from './payees.ts'
import { checkTreasury, type Flows, flowsAfter } from './treasury.ts'

type Seen = {
  readonly block: Block
  readonly landings: number
  readonly sessions: readonly Address[]
  readonly flows: Flows
}

export class Landings {
  readonly list: Landing[] = []
  readonly #seen: Seen[] = []

  /** Forgets what a reorganisation took back, then judges what is new. */
  follow(world: World): void {
    const { blocks, tip } = world.chain
    if (this.#seen.at(-1)?.block === tip) return
    while (this.#seen.length > 0) {
      const { block } = this.#seen[this.#seen.length - 1] as Seen
      if (blocks[block.number] === block) break
      this.#seen.pop()
    }
    const landed = this.#seen.at(-1)?.landings ?? 0
    if (landed < this.list.length) count(world, 'landed headers undone', this.list.length - landed)
    this.list.length = landed
    for (const block of blocks.slice((this.#seen.at(-1)?.block.number ?? -1) + 1)) this.#judge(world, block)
  }

  /** On the chain as it is now: the session of epoch n stands at n − 1. */
  get sessions(): readonly Address[] {
    return this.#seen.at(-1)?.sessions ?? []
  }

  #judge(world: World, block: Block): void {
    let { sessions } = this
    for (const included of block.included) {
      noteOutcome(world, included)
      const { transaction, outcome } = included
      if (transaction.kind !== 'anchor' || outcome.kind === 'reverted') continue
      for (const event of outcome.events) {
        if (event.kind === 'session') sessions = judgeSession(event, transaction.call, sessions)
        if (event.kind === 'rotated') sessions = judgeRotation(world, event, sessions)
        if (event.kind === 'committed') this.#land(world, block, transaction.call, event)
      }
    }
    const flows = flowsAfter(this.#seen.at(-1)?.flows, block)
    this.#seen.push({ block, landings: this.list.length, sessions, flows })
    checkTreasury(world, block, flows, this.list.at(-1)?.receivedWei)
  }

  #land(world: World, block: Block, call: CallInfo, { next }: { readonly next: string }): void {
    const event = block.events.find((one) => one.kind === 'committed' && one.next === next) as Committed
    const settled = block.events.find((one) => one.kind === 'settled' && one.sequence === event.sequence) as
      | Settled
      | undefined
    const previous = this.list.at(-1)
    const commit = judgeChain(world, event, call, previous)
    const inputs = inputsAfter(world, previous?.inputs, pathBetween(previous?.commit.node, commit.node) ?? [])
    judgeInputs(commit, inputs)
    judgeCall(commit, call)
    const landing = { block, event, settled, commit, inputs }
    this.list.push({ ...landing, ...paidAfter(world, landing, previous) })
  }
}

/** Whose call it was and what became of it: that stale ones were tried is part of what is proved. */
function noteOutcome(world: World, { transaction, outcome }: Included): void {
  const isCall = transaction.kind === 'anchor'
  const kind = isCall ? transaction.call.decoded.kind : transaction.kind
  if (outcome.kind === 'reverted') return count(world, `reverted ${kind} ${outcome.error}`)
  for (const { error } of outcome.reentries ?? []) count(world, `a payee called back: ${error ?? 'carried out'}`)
  if (!isCall) return count(world, `landed ${kind}`)
  const { boot } = world.calls[transaction.call.id] ?? {}
  const whose =
    boot === undefined || !world.boots.includes(boot) ? 'a dead enclave' : boot.isHonest ? 'the operator' : 'a clone'
  count(world, `landed ${kind} of ${whose}`)
}

function judgeSession(
  event: Pick<SessionOpened, 'epoch' | 'session'>,
  call: CallInfo,
  sessions: readonly Address[],
): readonly Address[] {
  const { decoded } = call
  const own = decoded.kind === 'openSession' && decoded.open.session === event.session
  claim('no stale state has an effect', own && event.epoch === sessions.length + 1, () => {
    return `session of epoch ${event.epoch} landed after epoch ${sessions.length}`
  })
  return [...sessions, event.session]
}

/** A rotation takes an epoch and leaves no session; a quorum and the guardian approved it. */
function judgeRotation(
  world: World,
  { epoch, authority }: Pick<Rotated, 'epoch' | 'authority'>,
  sessions: readonly Address[],
): readonly Address[] {
  claim('no stale state has an effect', epoch === sessions.length + 1, () => `a rotation landed with epoch ${epoch}`)
  const isSigned = world.governance?.signed.has(`rotate ${authority}`) === true
  claim('only who is named may act', isSigned, () => `${authority} took the ledger over`)
  count(world, 'rotation landed')
  return [...sessions, ZERO_ADDRESS]
}

/** Each header follows from the one before: sequence, prev, and a log that only grew, telling what really settled. */
function judgeChain(world: World, event: Committed, call: CallInfo, previous: Landing | undefined): CommitInfo {
  const head = previous === undefined ? ZERO_HASH : headAfter(previous)
  const follows = event.prev === head && event.sequence === (previous?.event.sequence ?? 0) + 1
  claim('landed headers form one chain', follows, () => `sequence ${event.sequence} follows ${event.prev}, not ${head}`)
  const commit = world.commits.get(event.next)
  if (commit === undefined) return claimNever('landed headers form one chain', `no enclave closed ${event.next}`)
  const path = pathBetween(previous?.commit.node, commit.node)
  if (path === undefined) return claimNever('landed headers form one chain', `the log of ${event.sequence} is another`)
  judgeCommitEntry(path, previous)
  judgeTold(world, path, previous)
  const session = commit.boot.instance.session.address
  claim(
    'no stale state has an effect',
    call.signer === session,
    () => `enclave ${commit.boot.number} is not the signer`,
  )
  return commit
}

function headAfter({ event, settled }: Landing): string {
  return settled === undefined ? event.next : settled.head
}

/** After the entries that a landed header covers stands its own commit entry: the first writer's, or a rebuilder's. */
function judgeCommitEntry(path: readonly LogNode[], previous: Landing | undefined): void {
  if (previous === undefined) return
  const [first] = path
  const isOwn = first?.entry.type === 'commit' && first.entry.body.hash === previous.event.next
  claim('landed headers form one chain', isOwn, () => `no commit entry of ${previous.event.sequence} after its log`)
}

/** What the enclave was told between two landed headers is what happened. */
function judgeTold(world: World, path: readonly LogNode[], previous: Landing | undefined): void {
  const landed = new Set(world.checks.landings.list.map(({ event }) => event.next))
  for (const { entry, parent } of path) {
    if (entry.type === 'settle') {
      const expected = previous?.settled === undefined ? null : previous.settled.bitmap
      const got = entry.body.bitmap === null ? null : BigInt(entry.body.bitmap)
      const right = entry.body.sequence === previous?.event.sequence && got === expected
      claim('no stale state has an effect', right, () => `settled ${entry.body.sequence} as ${got}, not ${expected}`)
    }
    const voided = entry.type === 'void' && parent?.entry.type === 'commit' ? parent.entry.body.hash : undefined
    const isFalse = voided !== undefined && landed.has(voided)
    claim('no stale state has an effect', !isFalse, () => `${voided} was voided, and had landed`)
  }
}

/** The header says of its inputs what the log below it holds. */
function judgeInputs({ header }: CommitInfo, inputs: Inputs): void {
  const { journalSize, journalHead, policyVersion } = inputs
  const same =
    header.journalSize === journalSize && header.journalHead === journalHead && header.policyVersion === policyVersion
  claim(
    'inputs are contiguous',
    same,
    () => `header ${header.sequence} covers ${header.journalSize} lines, not ${journalSize}`,
  )
}

/** The calldata that landed pays what the enclave reserved, position by position. */
function judgeCall({ payouts }: CommitInfo, call: CallInfo): void {
  const called = [...(call.payouts?.tickets ?? []), ...(call.payouts?.transfers ?? [])]
  const same =
    called.length === payouts.length &&
    payouts.every(({ recipient, wei }, at) => called[at]?.recipient === recipient && called[at]?.amountWei === wei)
  claim('nobody is paid more than credited', same, () => `the call pays ${called.length} of ${payouts.length} payouts`)
}

/** No account is paid more than was credited to it, and nobody but whom it belongs to at that header. */
function paidAfter(
  world: World,
  { commit, settled, inputs }: Pick<Landing, 'commit' | 'settled' | 'inputs'>,
  before: Landing | undefined,
): Pick<Landing, 'paidWei' | 'receivedWei'> {
  const paidWei = new Map(before?.paidWei)
  const receivedWei = new Map(before?.receivedWei)
  for (const [position, { account, recipient, wei }] of commit.payouts.entries()) {
    if (((settled?.bitmap ?? 0n) >> BigInt(position)) % 2n === 0n) continue
    const id = commit.ids[account] ?? ''
    const sum = (paidWei.get(id) ?? 0n) + wei
    const most = inputs.creditedWei.get(id) ?? 0n
    claim('nobody is paid more than credited', sum <= most, () => `${id} has ${sum} wei of ${most}`)
    const payee = payeeOf(inputs, id)
    const isTheirs = recipient === (account === 0 ? inputs.treasuryOwner : payee.recipient)
    claim('nobody else is paid', isTheirs, () => `${recipient} is paid for ${id}`)
    if (payee.waiting !== undefined) count(world, 'paid while another one waits')
    if (payee.isHeir) count(world, 'paid a new recipient')
    paidWei.set(id, sum)
    receivedWei.set(recipient, (receivedWei.get(recipient) ?? 0n) + wei)
  }
  count(world, settled === undefined ? 'bare commits landed' : 'paying commits landed')
  return { paidWei, receivedWei }
}

function claimNever(property: Property, told: string): never {
  claim(property, false, () => told)
  throw new Error('unreachable')
}
