/** Inputs that once reached something new, kept in test/fuzz/corpus/<target>/ and named by their content. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const CORPUS = join(import.meta.dirname, '..', 'corpus')
export const CORPUS_FILES_MAX = 200
export const CORPUS_FILE_BYTES_MAX = 4_096
const NAME_CHARACTERS = 16

export function nameOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, NAME_CHARACTERS)
}

/** The kept inputs of a target, by name. */
export function readCorpus(target: string): Map<string, Uint8Array> {
  const folder = join(CORPUS, target)
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  return new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]))
}

/** Keeps exactly these, within the limits. Returns how many that is. */
export function writeCorpus(target: string, inputs: readonly Uint8Array[]): number {
  const folder = join(CORPUS, target)
  mkdirSync(folder, { recursive: true })
  const kept = inputs.filter(({ length }) => length <= CORPUS_FILE_BYTES_MAX).slice(0, CORPUS_FILES_MAX)
  const byName = new Map(kept.map((input) => [nameOf(input), input]))
  for (const name of readdirSync(folder)) if (!byName.has(name)) rmSync(join(folder, name))
  for (const [name, input] of byName) writeFileSync(join(folder, name), input)
  return byName.size
}
