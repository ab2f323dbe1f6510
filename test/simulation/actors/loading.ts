/** Choosing what to load, and what to claim about it. */

import { toHash } from '../../../enclave/protocol/ids.ts'
import { bitmapHash } from '../../builders/boot.ts'
import { ask } from '../boot.ts'
import type { Random } from '../random.ts'
import type { Boot, World } from '../scene.ts'
import { type AnchorClaim, type Archive, claimFor, type LoadPlan, planLoad, type SealedRecord } from '../sealed.ts'
import { NO_FAULTS } from '../swarm.ts'
import { claim } from '../violation.ts'
import { strikes } from '../world.ts'
import { look } from './view.ts'

const SNAPSHOT_PERMILLE = 800
const CANDIDATES_MAX = 4

/** One attempt; true when the enclave took it. */
export function loadFromArchive(world: World, boot: Boot): boolean {
  const { random, archive } = world
  const view = look(world)
  const chain: AnchorClaim = { head: view.head, epoch: view.epoch, bitmap: view.committed?.bitmap ?? null }
  const known = archive.records.filter(({ delivered, stored }) => delivered && (!boot.isHonest || stored === 'synced'))
  const candidates = preferred(world, boot, matching(known.length > 0 ? known : archive.records, chain))
  const isStale = strikes(world, 'staleLoad') || candidates.length === 0
  const record = isStale ? pickAny(random, archive.records) : random.pick(candidates)
  if (record === undefined) return false
  const claimed = chooseClaim(world, record, chain)
  const plan = planLoad(archive, record, random.chance(SNAPSHOT_PERMILLE)) ?? planLoad(archive, record, true)
  if (plan === undefined) return false
  const offered = strikes(world, 'brokenRecord') ? spoil(world, plan) : { ...plan, isBroken: false }
  const taken = load(world, boot, offered, claimed)
  claim('broken records are refused', !(taken && offered.isBroken), () => `enclave ${boot.number} took them`)
  return taken
}

/** Prefixes that follow from the chain, longest logs first. */
function matching(records: readonly SealedRecord[], chain: AnchorClaim): SealedRecord[] {
  return records
    .filter((record) => record.delivered && claimFor(record, chain) !== undefined)
    .sort((left, right) => right.mark.node.index - left.mark.node.index)
}

/** An honest host goes on from a session that landed: one that never did would stand in the log for ever [G12]. */
function preferred(world: World, boot: Boot, records: readonly SealedRecord[]): readonly SealedRecord[] {
  const { sessions } = world.checks.landings
  const isHonest = boot.isHonest || world.faults === NO_FAULTS
  const { authority } = world.chain.tip.state
  const landed = records.filter(({ mark }) => {
    const isTakenOver = mark.node.entry.type === 'rotate' && mark.authority !== authority
    return !isTakenOver && (mark.session === undefined || sessions[mark.epoch - 1] === mark.session)
  })
  return (isHonest && landed.length > 0 ? landed : records).slice(0, CANDIDATES_MAX)
}

function pickAny(random: Random, records: readonly SealedRecord[]): SealedRecord | undefined {
  const delivered = records.filter((record) => record.delivered)
  return delivered.length === 0 ? undefined : random.pick(delivered)
}

/** What the chain says, what would fit the prefix, or neither. */
function chooseClaim(world: World, record: SealedRecord, chain: AnchorClaim): AnchorClaim {
  const { random } = world
  const { unlanded, head } = record.mark
  const honest = claimFor(record, chain) ?? chain
  if (!strikes(world, 'lyingClaim')) return honest
  const epoch = Math.max(0, chain.epoch - 1 + random.below(3))
  switch (random.below(4)) {
    case 0:
      return { head: unlanded?.prev ?? head, epoch, bitmap: null }
    case 1:
      return { head: unlanded?.hash ?? head, epoch, bitmap: null }
    case 2:
      return { head: toHash(random.bytes(32)), epoch, bitmap: BigInt(random.below(8)) }
    default:
      return { ...honest, epoch: chain.epoch + random.below(3), bitmap: honest.bitmap === null ? 0n : null }
  }
}

export function load(world: World, boot: Boot, { tip, blobs }: LoadPlan, claimed: AnchorClaim): boolean {
  // The observer follows the prefix before the enclave adds to it; a refusal leaves nothing of this behind.
  const before = { tip: boot.tip, node: boot.node }
  boot.tip = tip
  boot.node = tip.mark.node
  const bitmap = claimed.bitmap === null ? null : bitmapHash(claimed.bitmap)
  const answer = ask(world, boot, 'load_state', { records: blobs, claimed: { ...claimed, bitmap } })
  if (answer.kind === 'refused') Object.assign(boot, before)
  return answer.kind === 'result'
}

/** A record of the same number that other boots sealed in another history. */
function otherBranch(archive: Archive, tip: SealedRecord, blob: Uint8Array): SealedRecord | undefined {
  let own: SealedRecord | undefined = tip
  while (own !== undefined && own.sealed !== blob) own = own.previous
  const number = own?.number
  return archive.records.find((record) => record.delivered && record.number === number && record !== own)
}

/** A flipped byte, or a record too few, too many or cut short. */
function spoil({ random, archive }: World, plan: LoadPlan): LoadPlan & { readonly isBroken: boolean } {
  const at = random.below(plan.blobs.length)
  const blob = plan.blobs[at] as Uint8Array
  const put = (...instead: Uint8Array[]) => ({
    tip: plan.tip,
    blobs: plan.blobs.flatMap((one, index) => (index === at ? instead : [one])),
    isBroken: true,
  })
  switch (random.below(5)) {
    case 0: {
      const flipped = Uint8Array.from(blob)
      const byte = random.below(flipped.length)
      flipped[byte] = (flipped[byte] as number) ^ (1 << random.below(8))
      return put(flipped)
    }
    case 1: {
      // Without its last record a chain is a shorter chain, and nothing is wrong with it.
      const { previous, sealed } = plan.tip
      return blob === sealed && previous !== undefined ? { ...put(), tip: previous, isBroken: false } : put()
    }
    case 2:
      return put(blob, blob)
    case 3: {
      const other = otherBranch(archive, plan.tip, blob)
      if (other === undefined) return put(blob, blob)
      // A record that another boot sealed after the same one is the end of another whole chain.
      const isWhole = blob === plan.tip.sealed && other.previous === plan.tip.previous
      return isWhole ? { ...put(other.sealed), tip: other, isBroken: false } : put(other.sealed)
    }
    default:
      return put(blob.subarray(0, random.below(blob.length)))
  }
}
