/** From the public log alone, when no sealed blob is of use. */
import { bitmapHash } from '../../builders/boot.ts'
import { ask } from '../boot.ts'
import type { LogNode } from '../log-branch.ts'
import type { Boot, Landing, World } from '../scene.ts'
import { claim } from '../violation.ts'
import { count, strikes } from '../world.ts'
import { snapshotOf } from './snapshots.ts'

const LIE_PERMILLE = 300
const FALSE_BITS = 8

type Told = { readonly entries: readonly Uint8Array[]; readonly isBroken: boolean; readonly landing: Landing }

/** With the log up to the newest landed header, or with whatever a lying host makes of it. */
export function rebuild(world: World, boot: Boot): boolean {
  const newest = world.checks.landings.list.at(-1)
  if (newest === undefined) return false
  const { entries, isBroken, landing } = tell(world, newest)
  const claimed = claimOf(world, landing, landing === newest)
  const before = { tip: boot.tip, node: boot.node }
  boot.tip = undefined
  boot.node = landing.commit.node
  const answer = ask(world, boot, 'rebuild', { entries, claimed })
  const isTaken = answer.kind === 'result'
  claim('broken records are refused', !(isTaken && isBroken), () => `enclave ${boot.number} was rebuilt from them`)
  if (!isTaken) {
    Object.assign(boot, before)
    return false
  }
  if (landing !== newest) count(world, 'rebuilt from an old log')
  // The chain that begins here can only be loaded from a snapshot.
  snapshotOf(world, boot)
  return true
}

/** The log up to a header: the newest one, or an old one; with its end left away, or an entry flipped, dropped, doubled. */
function tell(world: World, newest: Landing): Told {
  const { random, faults, checks } = world
  const isOld = faults.lyingClaim > 0 && random.chance(LIE_PERMILLE)
  const landing = isOld ? random.pick(checks.landings.list) : newest
  const entries = entriesUpTo(landing.commit.node)
  if (random.chance(faults.staleLoad > 0 ? LIE_PERMILLE : 0))
    return { landing, entries: entries.slice(0, -1), isBroken: true }
  if (!strikes(world, 'brokenRecord')) return { landing, entries, isBroken: false }
  return { landing, entries: spoil(world, entries), isBroken: true }
}

function entriesUpTo(last: LogNode): Uint8Array[] {
  const entries: Uint8Array[] = []
  for (let node: LogNode | undefined = last; node !== undefined; node = node.parent) entries.push(node.bytes)
  return entries.reverse()
}

function spoil({ random }: World, entries: readonly Uint8Array[]): Uint8Array[] {
  const at = random.below(entries.length)
  const entry = entries[at] as Uint8Array
  const flipped = Uint8Array.from(entry)
  const byte = random.below(flipped.length)
  flipped[byte] = (flipped[byte] as number) ^ (1 << random.below(8))
  const instead = random.pick([[flipped], [], [entry, entry]])
  return entries.flatMap((one, index) => (index === at ? instead : [one]))
}

/** What the chain says now, or said when the old header was its head; a liar tells other bits, which no head has. */
function claimOf(world: World, { settled, event, commit }: Landing, isNewest: boolean): object {
  const { state } = world.chain.tip
  const bits = settled?.bitmap ?? null
  const told =
    bits !== null && strikes(world, 'lyingBitmap')
      ? BigInt(world.random.below(2 ** Math.min(commit.payouts.length, FALSE_BITS)))
      : bits
  const head = isNewest ? state.head : (settled?.head ?? event.next)
  return { head, epoch: state.epoch, bitmap: told === null ? null : bitmapHash(told) }
}
