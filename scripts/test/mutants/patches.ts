/** The mutants: one patch for each row of docs/THREAT_MODEL.md that takes one protection out of the sources. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ATTACKS = 'test/attacks'
export const PATCHES = join(ATTACKS, 'mutants')

export type Mutant = {
  /** As the threat model names it: `A7`. */
  readonly row: string
  /** One sentence, from the head of the patch. */
  readonly protection: string
  /** Paths from the root. */
  readonly patch: string
  readonly test: string
  /** The files that the patch changes. */
  readonly files: readonly string[]
}

const PATCH_FORM = /^([a-z])(\d+)\.patch$/
const PATCHES_MAX = 500

/** Every mutant under `root`, in the order of the rows. Throws on a file that is no patch or says nothing. */
export function readMutants(root: string): Mutant[] {
  const names = readdirSync(join(root, PATCHES)).sort(byRow)
  if (names.length > PATCHES_MAX) throw new Error(`expected at most ${PATCHES_MAX} patches, got ${names.length}`)
  return names.map((name) => readMutant(root, name))
}

function readMutant(root: string, name: string): Mutant {
  const [, letter = '', number = ''] = PATCH_FORM.exec(name) ?? []
  if (letter === '') throw new Error(`${PATCHES}/${name}: expected a name like a7.patch`)
  const patch = join(PATCHES, name)
  const text = readFileSync(join(root, patch), 'utf8')
  const protection = text.slice(0, text.search(/^--- /m)).replace(/\s+/g, ' ').trim()
  const files = [...text.matchAll(/^\+\+\+ b\/(\S+)$/gm)].map(([, path = '']) => path)
  if (protection === '' || files.length === 0)
    throw new Error(`${patch}: expected a sentence, then a unified diff with a/ and b/ in front of its paths`)
  return { row: `${letter.toUpperCase()}${number}`, protection, patch, test: testOf(name), files }
}

function testOf(name: string): string {
  return join(ATTACKS, name.replace('.patch', '.test.ts'))
}

/** A2 before A10, and A before F. */
function byRow(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true })
}
