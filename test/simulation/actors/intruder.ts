/** What a host does to an enclave beside driving it: kills, clones, wrong times, nonsense, snapshots at any moment. */
import { encodeMessage, type Message } from '../../../enclave/protocol/frame.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import { METHODS } from '../../../enclave/protocol/methods.ts'
import { ask, askBytes, newBoot } from '../boot.ts'
import type { Boot, World } from '../scene.ts'
import { count, struck } from '../world.ts'
import { advance } from './driver.ts'
import { end } from './host.ts'
import { snapshotOf } from './snapshots.ts'

const BOOTS_MAX = 5
const SKEW_SECONDS_MAX = 200_000
const NOISE_BYTES_MAX = 200
const METHOD_NAMES = Object.keys(METHODS)

/** The honest half of the host keeps one enclave going. */
export function operate(world: World): void {
  world.operator ??= newBoot(world, true)
  advance(world, world.operator)
}

/** A clone is driven like any other, and lied to as much. */
export function driveClone(world: World): void {
  const clones = world.boots.filter((boot) => boot !== world.operator)
  if (clones.length === 0) return operate(world)
  advance(world, world.random.pick(clones))
}

export function clone(world: World): void {
  if (world.boots.length >= BOOTS_MAX) end(world, world.random.pick(world.boots))
  newBoot(world, false)
  struck(world, 'clone')
}

export function kill(world: World): void {
  if (world.boots.length === 0) return
  end(world, world.random.pick(world.boots))
  struck(world, 'killed')
}

/** It answers from then on, and signs nothing. */
export function halt(world: World): void {
  const live = world.boots.filter(({ instance }) => ['recovering', 'active'].includes(instance.phase))
  if (live.length === 0) return
  ask(world, world.random.pick(live), 'halt', { reason: 'as its host likes' })
  struck(world, 'haltedByHost')
}

/** The host dies with unsynced writes: its honest half has lost them, and the last one is torn. */
export function tearDisk(world: World): void {
  const torn = world.archive.records.filter(({ stored }) => stored === 'written')
  for (const record of torn) record.stored = 'no'
  if (world.operator !== undefined) end(world, world.operator)
  struck(world, 'diskTears')
  count(world, 'records lost with a disk', torn.length)
}

export function skewClock(world: World): void {
  const boot = pickBoot(world)
  if (boot === undefined) return
  boot.skewSeconds = world.random.below(2 * SKEW_SECONDS_MAX) - SKEW_SECONDS_MAX
  struck(world, 'clockSkew')
}

export function snapshot(world: World): void {
  const boot = pickBoot(world)
  if (boot !== undefined) snapshotOf(world, boot)
}

/** Every sealed file is gone; what is left is the public log and the chain. */
export function loseBlobs(world: World): void {
  for (const record of world.archive.records) record.delivered = false
  world.archive.snapshots = []
  for (const boot of [...world.boots]) end(world, boot)
  struck(world, 'blobsLost')
}

/** Any method with parameters that mean nothing, or bytes that are no request. */
export function garbage(world: World): void {
  const boot = pickBoot(world)
  if (boot === undefined) return
  const { random } = world
  struck(world, 'garbage')
  if (random.chance(300)) return askBytes(world, boot, random.bytes(random.below(NOISE_BYTES_MAX)))
  const request = encodeMessage({ method: random.pick(METHOD_NAMES), params: nonsense(world) }, 'cbor')
  if (random.chance(500)) {
    const at = random.below(request.length)
    request[at] = (request[at] as number) ^ (1 << random.below(8))
  }
  askBytes(world, boot, request)
}

function nonsense({ random }: World): Message {
  const values = [0, -1, 2 ** 53 - 1, '', '1', null, true, toHash(random.bytes(32)), random.bytes(32), [], {}]
  const keys = ['head', 'epoch', 'sequence', 'bitmap', 'record', 'fromRecord', 'chunk', 'mode', 'lines', 'skip', 'more']
  return Object.fromEntries(Array.from({ length: random.below(4) }, () => [random.pick(keys), random.pick(values)]))
}

function pickBoot(world: World): Boot | undefined {
  return world.boots.length === 0 ? undefined : world.random.pick(world.boots)
}
