/** The audit at the end of a world: clean as it is, and never clean once somebody changed a fact or an entry. */
import { type ReplayedHeader, reconcile } from '../../../auditor/reconcile.ts'
import { expectedHeader, newReplay, step } from '../../../auditor/replay.ts'
import type { LogNode } from '../log-branch.ts'
import type { World } from '../scene.ts'
import { claim } from '../violation.ts'
import { count } from '../world.ts'
import { type AuditorChecker, factsOf, tell } from './auditor.ts'
import { FORGERIES } from './forgeries.ts'

const MISSED = 'the auditor misses nothing'
const LOG_TRIALS_PERMILLE = 125
const TOLD_OF_FALSE_ENTRIES: ReadonlySet<string> = new Set(['SESSION_FIELD', 'SESSION_MISSING', 'AUTHORITY_FIELD'])

export function closeAudit(world: World, auditor: AuditorChecker): void {
  const findings = auditor.audit(world)
  const expected = falseEntries(world, auditor)
  const told = findings.filter(({ code }) => TOLD_OF_FALSE_ENTRIES.has(code))
  claim('the auditor raises no false alarm', findings.length === told.length, () => tell(findings))
  const epochs = new Set(told.map(({ entry }) => entry))
  claim(
    MISSED,
    expected.every((entry) => epochs.has(entry)),
    () => `sessions or rotations that never landed: ${expected.join()}`,
  )
  claim('the auditor raises no false alarm', epochs.size === expected.length, () => tell(told))
  // A world that was frozen and restarted all the time may end without a header: then there is no log to hold a fact against.
  if (auditor.replay.ledger === null) return
  const facts = factsOf(world, world.chain.final)
  const name = world.random.pick(Object.keys(FORGERIES))
  const forged = FORGERIES[name]?.(world, facts)
  if (forged !== undefined) {
    claim(MISSED, auditor.auditOf(world, forged).length > findings.length, () => `${name} went unseen`)
    count(world, `seen by the auditor: ${name}`)
  }
  if (world.random.chance(LOG_TRIALS_PERMILLE)) forgeLog(world)
}

/** Entries of sessions, rotations and authorities that the chain never had: a host that loads such a log leaves them in it for ever [G12]. */
function falseEntries(world: World, auditor: AuditorChecker): number[] {
  const rotated = world.chain.blocks.flatMap(({ events }) => events.filter((event) => event.kind === 'rotated'))
  const authorityAt = (epoch: number) =>
    rotated.findLast((event) => event.epoch <= epoch)?.authority ?? world.keys.authorities[0]

  const sessions = new Set(world.checks.landings.sessions)
  const entries: number[] = []
  for (let node = auditor.node; node !== undefined; node = node.parent) {
    const { entry } = node
    const isFalse =
      (entry.type === 'open' && !sessions.has(entry.body.session)) ||
      (entry.type === 'genesis' && entry.body.authority !== world.keys.authorities[0]) ||
      (entry.type === 'rotate' && entry.body.authority !== authorityAt(entry.body.epoch))
    if (isFalse) entries.push(node.index)
  }
  return entries
}

/** One byte of one entry is not what it was: replay objects, or ends at another header. */
function forgeLog(world: World): void {
  const { random, checks } = world
  const landing = checks.landings.list.filter(({ block }) => block.number <= world.chain.final.number).at(-1)
  if (landing === undefined) return
  const nodes: LogNode[] = []
  for (let node: LogNode | undefined = landing.commit.node; node !== undefined; node = node.parent) nodes.push(node)
  const bytes = nodes.reverse().map((node) => node.bytes)
  const at = random.below(bytes.length)
  const flipped = Uint8Array.from(bytes[at] as Uint8Array)
  const byte = random.below(flipped.length)
  flipped[byte] = (flipped[byte] as number) ^ (1 << random.below(8))
  bytes[at] = flipped
  const seen = findingsOf(world, bytes) > 0
  claim(MISSED, seen, () => `a flipped bit in entry ${at} went unseen`)
  count(world, 'seen by the auditor: a bit of the log flipped')
}

/** Findings of a whole audit over these entries. */
function findingsOf(world: World, entries: readonly Uint8Array[]): number {
  const facts = factsOf(world, world.chain.final)
  const sizes = new Set(facts.events.map((event) => (event.kind === 'committed' ? event.logSize : -1)))
  const replay = newReplay()
  const headers = new Map<number, ReplayedHeader>()
  const note = (): void => {
    const header = sizes.has(replay.size) ? expectedHeader(replay) : undefined
    if (header !== undefined) headers.set(replay.size, header)
  }
  for (const [index, bytes] of entries.entries()) {
    note()
    step(replay, bytes, index)
  }
  note()
  const { ledger, size } = replay
  if (ledger === null) return replay.findings.list.length
  const reconciled = reconcile({ ledger, size, headers, facts, at: facts.state.sequence, since: 0 })
  return replay.findings.list.length + reconciled.findings.list.length
}
