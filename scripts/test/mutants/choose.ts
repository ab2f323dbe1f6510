/** Which mutants a run is about. */
import { spawnSync } from 'node:child_process'
import type { Mutant } from './patches.ts'
import { ATTACKS } from './patches.ts'

export type Wanted = { readonly rows: readonly string[]; readonly changedSince: string | undefined }

/** What every test of the suite stands on: when it changes, all of them are asked again. */
const SHARED = [
  `${ATTACKS}/stage.ts`,
  `${ATTACKS}/use-stage.ts`,
  `${ATTACKS}/boot.ts`,
  `${ATTACKS}/chain-node.ts`,
  'scripts/test/mutants',
]

/** Throws for a row without a mutant and for a reference that git does not know. A row means all of its mutants. */
export function choose(root: string, mutants: readonly Mutant[], { rows, changedSince }: Wanted): readonly Mutant[] {
  const unknown = rows.filter((row) => !mutants.some((mutant) => isCalled(mutant, row)))
  if (unknown.length > 0) throw new Error(`no mutant is called ${unknown.join(', ')}`)
  if (rows.length > 0) return mutants.filter((mutant) => rows.some((row) => isCalled(mutant, row)))
  if (changedSince === undefined) return mutants
  const changed = changedPaths(root, changedSince)
  if (changed.some((path) => SHARED.some((shared) => path.startsWith(shared)))) return mutants
  return mutants.filter(({ patch, test, files }) => [patch, test, ...files].some((path) => changed.includes(path)))
}

/** `A7` is all of the row, `A7-B` one of them. */
function isCalled({ name, row }: Mutant, wanted: string): boolean {
  return row === wanted || name.toUpperCase() === wanted
}

function changedPaths(root: string, since: string): readonly string[] {
  const { status, stdout, stderr } = spawnSync('git', ['diff', '--name-only', since, '--'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`git does not know ${since}: ${stderr.trim()}`)
  return stdout.split('\n').filter((path) => path !== '')
}
