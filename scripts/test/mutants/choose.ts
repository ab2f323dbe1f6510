/** Which mutants a run is about. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutant } from './patches.ts'
import { ATTACKS } from './patches.ts'

export type Wanted = { readonly rows: readonly string[]; readonly changedSince: string | undefined }

/** When the judge itself changes, every mutant is asked again. */
const JUDGE = 'scripts/test/mutants'
const IMPORT_FORM = /from '\.\/([a-z0-9-]+\.ts)'/g

/** Throws for a row without a mutant and for a reference that git does not know. A row means all of its mutants. */
export function choose(root: string, mutants: readonly Mutant[], { rows, changedSince }: Wanted): readonly Mutant[] {
  const unknown = rows.filter((row) => !mutants.some((mutant) => isCalled(mutant, row)))
  if (unknown.length > 0) throw new Error(`no mutant is called ${unknown.join(', ')}`)
  if (rows.length > 0) return mutants.filter((mutant) => rows.some((row) => isCalled(mutant, row)))
  if (changedSince === undefined) return mutants
  const changed = changedPaths(root, changedSince)
  if (changed.some((path) => path.startsWith(JUDGE))) return mutants
  return mutants.filter(({ patch, test, files }) =>
    [patch, test, ...helpersOf(root, test), ...files].some((path) => changed.includes(path)),
  )
}

/** The files of the suite that a test stands on, by its imports and theirs: a change of one may take the attack away. */
function helpersOf(root: string, file: string, known = new Set<string>()): ReadonlySet<string> {
  for (const [, name = ''] of readFileSync(join(root, file), 'utf8').matchAll(IMPORT_FORM)) {
    const path = join(ATTACKS, name)
    if (known.has(path)) continue
    known.add(path)
    helpersOf(root, path, known)
  }
  return known
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
