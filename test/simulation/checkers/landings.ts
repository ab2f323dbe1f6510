/** What landed on the chain, judged against everything that the world knows and the contract does not. */
import type { Committed, SessionOpened, Settled } from '../../../auditor/chain-facts.ts'
import { type Address, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { Block } from '../chain/chain.ts'
import type { CallInfo } from '../chain/state.ts'
import { type JournalNode, linesBetween } from '../journal.ts'
import { type LogNode, pathBetween } from '../log-branch.ts'
import { claim } from '../violation.ts'
import { type CommitInfo, count, type World } from '../world.ts'

export type Landing = {
  readonly block: Block
  readonly event: Committed
  readonly settled: Settled | undefined
  readonly commit: CommitInfo
  readonly journal: JournalNode
  /** Gross credits of the journal that this header covers, by id. */
  readonly creditedWei: ReadonlyMap<string, bigint>
}

type Seen = { readonly block: Block; readonly landings: number; readonly sessions: readonly Address[] }

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
    this.list.length = this.#seen.at(-1)?.landings ?? 0
    for (const block of blocks.slice((this.#seen.at(-1)?.block.number ?? -1) + 1)) this.#judge(world, block)
  }

  /** On the chain as it is now: the session of epoch n stands at n − 1. */
  get sessions(): readonly Address[] {
    return this.#seen.at(-1)?.sessions ?? []
  }

  #judge(world: World, block: Block): void {
    let { sessions } = this
    for (const { transaction, outcome } of block.included) {
      if (transaction.kind !== 'anchor' || outcome.kind === 'reverted') continue
      for (const event of outcome.events) {
        if (event.kind === 'session') sessions = judgeSession(event, transaction.call, sessions)
        if (event.kind === 'committed') this.#land(world, block, transaction.call, event)
      }
    }
    this.#seen.push({ block, landings: this.list.length, sessions })
    const newest = this.list.at(-1)
    if (newest?.block === block) judgePaid(world, newest)
  }

  #land(world: World, block: Block, call: CallInfo, { next }: { readonly next: string }): void {
    const event = block.events.find((one) => one.kind === 'committed' && one.next === next) as Committed
    const settled = block.events.find((one) => one.kind === 'settled' && one.sequence === event.sequence) as
      | Settled
      | undefined
    const previous = this.list.at(-1)
    const commit = judgeChain(world, event, call, previous)
    const journal = judgeJournal(world, commit, previous)
    this.list.push({ block, event, settled, commit, journal, creditedWei: creditsOf(journal, previous) })
    count(world, settled === undefined ? 'bare commits landed' : 'paying commits landed')
  }
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

/** The landed cursor moves along one journal, line by line. */
function judgeJournal(world: World, { header }: CommitInfo, previous: Landing | undefined): JournalNode {
  const node = world.journals.get(header.journalHead)
  const size = header.journalSize
  if (node === undefined || node.size !== size)
    return claimNever('inputs are contiguous', `no journal has head ${header.journalHead} after ${size} lines`)
  const lines = previous === undefined ? [] : linesBetween(previous.journal, node)
  if (lines === undefined)
    return claimNever('inputs are contiguous', `the journal of ${header.sequence} is another one`)
  return node
}

function creditsOf(journal: JournalNode, previous: Landing | undefined): ReadonlyMap<string, bigint> {
  const credits = new Map(previous?.creditedWei)
  const from = previous?.journal.size ?? 0
  for (let node: JournalNode | undefined = journal; node !== undefined && node.size > from; node = node.parent) {
    const { credit } = node
    if (credit !== null) credits.set(credit.id, (credits.get(credit.id) ?? 0n) + credit.wei)
  }
  return credits
}

/** Nobody has more out of the treasury than the journal and the openings ever credited to the accounts pinned to him. */
function judgePaid(world: World, { block, creditedWei }: Landing): void {
  const owed = new Map<Address, bigint>()
  for (const [id, recipient] of world.recipients) {
    const opening = world.genesis.openings.find((one) => one.id === id)?.wei ?? 0n
    owed.set(recipient, (owed.get(recipient) ?? 0n) + (creditedWei.get(id) ?? 0n) + opening)
  }
  for (const [recipient, paidWei] of block.state.receivedWei) {
    const most = owed.get(recipient) ?? 0n
    claim('nobody is paid more than credited', paidWei <= most, () => `${recipient} has ${paidWei} wei of ${most}`)
  }
}

function claimNever(property: string, told: string): never {
  claim(property, false, () => told)
  throw new Error('unreachable')
}
