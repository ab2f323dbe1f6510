/** The whole state, sealed, whenever the host likes. */
import { ask, collect } from '../boot.ts'
import type { Boot, World } from '../scene.ts'
import { count } from '../world.ts'

export function snapshotOf(world: World, boot: Boot): void {
  const after = boot.tip
  if (after === undefined) return
  const chunks: Uint8Array[] = []
  for (let chunk = 0, all = 1; chunk < all; chunk++) {
    const answer = ask(world, boot, 'export_snapshot', { chunk })
    if (answer.kind === 'refused') return
    all = answer.result.chunks
    chunks.push(answer.result.chunk)
    world.checks.sealed(answer.result.chunk)
  }
  collect(world, boot)
  world.archive.snapshots.push({ after, chunks })
  count(world, 'snapshot')
}
