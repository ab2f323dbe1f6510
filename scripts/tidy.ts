/**
 * The word check: what neither the compiler, the linter nor the import rules can see.
 *
 *   npm run check -- --only words
 *
 * Prints one line for each fault, `path:line  rule  what was found`, and exits 1 when there is any.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCodeFaults } from './tidy/code.ts'
import type { Fault, Source } from './tidy/fault.ts'
import { findTextFaults } from './tidy/text.ts'
import { findDeadFiles, findTitleFaults } from './tidy/whole.ts'

const ROOT = join(import.meta.dirname, '..')
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const CODE = /\.(ts|mjs|cjs)$/
const TEXT =
  /\.(ts|mjs|cjs|js|sol|c|h|json|jsonl|md|ya?ml|sh|html|css|txt|gyp|nix)$|(^|\/)(\.ci\/run|Dockerfile|\.npmrc|\.gitignore)$/
/** They spell out the very words that they look for. */
const SPELLS_THE_WORDS = new Set(['scripts/tidy/text.ts', 'test/docs/tidy.test.ts'])

if (import.meta.main) {
  const faults = findFaults(repositoryFiles())
  for (const { path, line, rule, found } of faults) process.stdout.write(`${path}:${line}  ${rule}  ${found}\n`)
  process.stdout.write(`${faults.length} faults\n`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

/** Every fault of the given files, in the order of the files. */
export function findFaults(sources: readonly Source[]): Fault[] {
  const code = sources.filter(({ path }) => CODE.test(path))
  return [
    ...sources.filter(({ path }) => !SPELLS_THE_WORDS.has(path)).flatMap(findTextFaults),
    ...code.flatMap(findCodeFaults),
    ...findTitleFaults(code.filter(({ path }) => path.startsWith('test/'))),
    ...findDeadFiles(code),
  ]
}

/** What git tracks or would track, as text. */
function repositoryFiles(): Source[] {
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const list = execFileSync('git', words, { cwd: ROOT, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX })
  return list
    .split('\0')
    .filter((path) => TEXT.test(path) && existsSync(join(ROOT, path)))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}
