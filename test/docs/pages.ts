/** The pages of the repository: what git tracks or would track. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')

/** Paths relative to ROOT that a git pattern matches. */
export function pagesAt(pattern: string): string[] {
  const words = ['ls-files', '--cached', '--others', '--exclude-standard', pattern]
  return execFileSync('git', words, { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter((page) => page !== '' && existsSync(join(ROOT, page)))
}

export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}
