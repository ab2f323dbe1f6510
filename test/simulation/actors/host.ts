/** What every host does around a call: it takes the reply or loses it, stores what was released, and acknowledges it. */
import { type Answer, ask, collect, takeRecords } from '../boot.ts'
import type { Boot, World } from '../scene.ts'
import { strikes } from '../world.ts'

/** A writing call as the host sees it: undefined when its reply was lost. */
export function call(world: World, boot: Boot, method: string, params: object): Answer | undefined {
  const answer = ask(world, boot, method, params)
  if (strikes(world, 'lostReply')) return undefined
  if (answer.kind === 'refused') return answer
  takeRecords(boot, answer.result)
  store(world, boot)
  return answer
}

/** What the host missed it asks for again; then all of it is on the disk, and synced before it is acknowledged. */
export function store(world: World, boot: Boot): void {
  collect(world, boot)
  for (const record of boot.records.values()) if (record.stored === 'no') record.stored = 'written'
  if (strikes(world, 'diskTears')) return
  for (const record of boot.records.values()) record.stored = 'synced'
  if (boot.isUnacknowledged) return
  if (boot.instance.outbox.records.length > 0) ask(world, boot, 'ack', { record: boot.instance.outbox.next - 1 })
}

/** The process is gone, and with it everything that only its memory held. */
export function end(world: World, boot: Boot): void {
  world.boots.splice(world.boots.indexOf(boot), 1)
  if (world.operator === boot) world.operator = undefined
}
