/** The host's own store of what a boot released: the files that the next load reads. */
import { encodeEntries, logsOf, writeBoot } from '../../host/boot-records.ts'
import { pathsOf } from '../../host/paths.ts'
import type { Boot } from './boot.ts'
import type { Stage } from './stage.ts'

/** Another boot's records up to `end`. */
export type Parent = { readonly boot: Boot; readonly end: number }

/** Stores what a boot added to its parent's records. */
export async function store(stage: Stage, boot: Boot, parent: Parent | null, atMs: number): Promise<void> {
  const paths = pathsOf(stage.folder)
  const from = parent?.end ?? 0
  const note = {
    session: boot.session,
    parent: parent && { session: parent.boot.session, end: from },
    epoch: 1,
    atMs,
  }
  await writeBoot(paths, note)
  const logs = logsOf(paths, note)
  let logIndex = boot.kept.slice(0, from).flatMap(({ entries }) => entries).length
  for (const [at, { sealed, entries }] of boot.kept.slice(from).entries()) {
    await logs.sealed.write(from + at, sealed)
    await logs.entries.write(from + at, encodeEntries({ firstIndex: logIndex, entries }))
    logIndex += entries.length
  }
  for (const log of [logs.sealed, logs.entries]) {
    await log.sync()
    await log.close()
  }
}
