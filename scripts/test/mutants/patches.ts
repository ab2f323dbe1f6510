/**
 * The mutants: patches that take one protection each out of the sources. Every row of docs/THREAT_MODEL.md has one of its
 * own name, and may have more, by letters: `a7.patch`, `a7-b.patch`. All of a row are shown to the row's one test.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ATTACKS = 'test/attacks'
export const PATCHES = join(ATTACKS, 'mutants')

export type Mutant = {
  /** As the threat model names them: `A7`, and `A7-b` for a further protection of the row. */
  readonly name: string
  readonly row: string
  /** One sentence, from the head of the patch. */
  readonly protection: string
  /** Paths from the root. */
  readonly patch: string
  readonly test: string
  /** The files that the patch changes. */
  readonly files: readonly string[]
}

const PATCH_FORM = /^([a-z]\d+)(-[b-z])?\.patch$/
const PATCHES_MAX = 500

/** Every mutant under `root`, in the order of the rows. Throws on a file that is no patch or says nothing. */
export function readMutants(root: string): Mutant[] {
  const names = readdirSync(join(root, PATCHES))
  if (names.length > PATCHES_MAX) throw new Error(`expected at most ${PATCHES_MAX} patches, got ${names.length}`)
  return names.map((name) => readMutant(root, name)).sort(byName)
}

function readMutant(root: string, file: string): Mutant {
  const [, row = '', further = ''] = PATCH_FORM.exec(file) ?? []
  if (row === '') throw new Error(`${PATCHES}/${file}: expected a name like a7.patch or a7-b.patch`)
  const patch = join(PATCHES, file)
  const text = readFileSync(join(root, patch), 'utf8')
  const protection = text.slice(0, text.search(/^--- /m)).replace(/\s+/g, ' ').trim()
  const files = [...text.matchAll(/^\+\+\+ b\/(\S+)$/gm)].map(([, path = '']) => path)
  if (protection === '' || files.length === 0)
    throw new Error(`${patch}: expected a sentence, then a unified diff with a/ and b/ in front of its paths`)
  const test = join(ATTACKS, `${row}.test.ts`)
  return { name: `${row.toUpperCase()}${further}`, row: row.toUpperCase(), protection, patch, test, files }
}

/** A2 before A10, A7 before A7-b, and A before F. */
function byName(left: Mutant, right: Mutant): number {
  return left.name.localeCompare(right.name, 'en', { numeric: true })
}
