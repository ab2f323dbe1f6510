/** A host that stores what an enclave releases and never says so: the enclave stops before its memory is full. */
import { writeBadLine } from '../journal.ts'
import type { Boot, World } from '../scene.ts'
import { count, struck } from '../world.ts'
import { append, feed } from './feed.ts'
import { store } from './host.ts'
import { nextSeqOf, report, skip } from './reporters.ts'

/** More calls than the records that an enclave keeps unacknowledged. */
const CALLS_MAX = 70

export function flood(world: World): void {
  const active = world.boots.filter(({ instance }) => instance.phase === 'active')
  if (active.length === 0) return
  const boot = world.random.pick(active)
  struck(world, 'unacknowledged')
  boot.isUnacknowledged = true
  for (let call = 0; call < CALLS_MAX; call++) bringNothing(world, boot)
  boot.isUnacknowledged = false
  count(world, 'records that waited for their host', boot.instance.outbox.records.length)
  store(world, boot)
}

/** What has to be recorded and is worth nothing: numbers that are given up, or lines that are refused. */
function bringNothing(world: World, boot: Boot): void {
  const { governance } = world
  const desk = governance?.desks[0]
  if (governance === undefined || desk === undefined || boot.instance.state?.policy.credits !== 'signed') {
    world.journal = append(world, world.journal, writeBadLine)
    return feed(world, boot)
  }
  const next = nextSeqOf(boot, desk)
  if (desk.credits.length < next) report(world, governance, desk)
  skip(world, boot, desk, next)
}
