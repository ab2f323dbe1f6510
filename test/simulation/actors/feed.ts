/** Journal lines to an enclave: at its cursor, at a wrong place, or of a journal that was written anew. */
import { lineHash } from '../../../enclave/core/journal.ts'
import { type Hash, toHash } from '../../../enclave/protocol/ids.ts'
import { type JournalNode, linesBetween, writeLine } from '../journal.ts'
import type { Boot, World } from '../scene.ts'
import { count, strikes } from '../world.ts'
import { call } from './host.ts'
import { feedSigned } from './reporters.ts'

const LINES_PER_CALL_MAX = 6
const FORK_LINES = 2
const WRONG_ROUTE_PERMILLE = 20

export function feed(world: World, boot: Boot): void {
  const { random, governance } = world
  const isSigned = boot.instance.state?.policy.credits === 'signed'
  // A closed route is tried now and then.
  if (governance !== undefined && isSigned !== random.chance(WRONG_ROUTE_PERMILLE))
    return feedSigned(world, boot, governance)
  const from = cursorOf(world, boot)
  if (from === undefined) return
  const target = strikes(world, 'forkedJournal') ? forkAt(world, from) : world.journal
  const lines = linesBetween(from, target) ?? linesBetween(from, longestFrom(world, from)) ?? []
  const offered = lines.slice(0, 1 + random.below(LINES_PER_CALL_MAX))
  if (strikes(world, 'misplacedLines')) return offerElsewhere(world, boot, from)
  if (offered.length > 0) offer(world, boot, from, offered)
}

export function cursorOf(world: World, { instance }: Boot): JournalNode | undefined {
  const { state } = instance
  return state === undefined ? undefined : world.journals.get(toHash(state.journalHead) as Hash)
}

function offer(world: World, boot: Boot, from: JournalNode, lines: readonly JournalNode[]): void {
  const answer = call(world, boot, 'apply_events', {
    firstIndex: from.size,
    head: from.head,
    lines: lines.map(({ line }) => line),
    receipts: world.random.chance(50),
  })
  if (answer?.kind === 'result') count(world, `lines ${answer.result.kind}`)
}

/** From somewhere before or after the cursor, in the journal that the host believes in. */
function offerElsewhere(world: World, boot: Boot, from: JournalNode): void {
  const { random } = world
  const start = pickAncestor(world, random.chance(500) ? from : world.journal)
  const lines = linesBetween(start, world.journal) ?? []
  offer(world, boot, start, lines.slice(0, LINES_PER_CALL_MAX))
}

function pickAncestor(world: World, node: JournalNode): JournalNode {
  let back = world.random.below(node.size + 1)
  let found = node
  for (; back > 0 && found.parent !== undefined; back--) found = found.parent
  return found
}

/** A journal that parts from every other one after `from`. */
function forkAt(world: World, from: JournalNode): JournalNode {
  let node = from
  for (let line = 0; line < FORK_LINES; line++) node = append(world, node)
  return node
}

export function append(world: World, parent: JournalNode, write: typeof writeLine = writeLine): JournalNode {
  const node = write(world.random, parent, world.ids)
  world.journals.set(node.head, node)
  if (node.credit !== null && node.line !== undefined) world.lines.set(toHash(lineHash(node.line)), node.credit)
  return node
}

/** The longest journal that goes on from here: a host that forked the journal has to stay with its fork. */
function longestFrom(world: World, from: JournalNode): JournalNode {
  let longest = from
  for (const node of world.journals.values()) {
    if (node.size > longest.size && linesBetween(from, node) !== undefined) longest = node
  }
  return longest
}
