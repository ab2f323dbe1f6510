/** From the public log alone, when no sealed blob is of use. */
import { bitmapHash } from '../../builders/boot.ts'
import { ask } from '../boot.ts'
import type { LogNode } from '../log-branch.ts'
import type { Boot, World } from '../scene.ts'
import { count } from '../world.ts'
import { snapshotOf } from './snapshots.ts'

const CUT_PERMILLE = 100

/** With the log up to the newest landed header; a lying host leaves its end away, or tells it with another bitmap. */
export function rebuild(world: World, boot: Boot): boolean {
  const landing = world.checks.landings.list.at(-1)
  if (landing === undefined) return false
  const { state } = world.chain.tip
  const entries: Uint8Array[] = []
  for (let node: LogNode | undefined = landing.commit.node; node !== undefined; node = node.parent)
    entries.push(node.bytes)
  entries.reverse()
  const isCut = world.random.chance(world.faults.staleLoad > 0 ? CUT_PERMILLE : 0)
  const bitmap = landing.settled === undefined ? null : bitmapHash(landing.settled.bitmap)
  const claimed = { head: state.head, epoch: state.epoch, bitmap }
  const before = { tip: boot.tip, node: boot.node }
  boot.tip = undefined
  boot.node = landing.commit.node
  const answer = ask(world, boot, 'rebuild', { entries: isCut ? entries.slice(0, -1) : entries, claimed })
  count(world, answer.kind === 'refused' ? `rebuild ${answer.code}` : 'rebuilt')
  if (answer.kind === 'refused') {
    Object.assign(boot, before)
    return false
  }
  // The chain that begins here can only be loaded from a snapshot.
  snapshotOf(world, boot)
  return true
}
