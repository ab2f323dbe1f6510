/**
 * Prints docs/ERRORS.md from the catalogue in enclave/protocol/errors.ts; `--write` writes the file.
 *
 *   npm run docs:errors
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ERRORS, type ErrorEntry, type Retry } from '../../enclave/protocol/errors.ts'

/** The page, from the repository's root. */
export const ERRORS_PAGE = 'docs/ERRORS.md'

const RETRY_WORDS: Readonly<Record<Retry, string>> = {
  never: 'no: the same request is refused again',
  later: 'later, unchanged',
  'same-bytes': 'at once, byte for byte',
  'after-reload': 'after the enclave is loaded again',
}

const HEAD = `# Errors

Every refusal and failure carries one of these codes. The code is its identity and stays; the text of a message may change.
A message says what was expected, what came, and holds no secret. Printed from \`enclave/protocol/errors.ts\` by
\`npm run docs:errors\`; a test keeps the two equal.

| code | meaning | what to do | may the same request be repeated? |
|---|---|---|---|
`

if (import.meta.main) {
  if (process.argv.includes('--write')) writeFileSync(join(import.meta.dirname, '..', '..', ERRORS_PAGE), errorsPage())
  else process.stdout.write(errorsPage())
}

/** The whole page, codes in alphabetical order. */
export function errorsPage(): string {
  const entries: [string, ErrorEntry][] = Object.entries(ERRORS)
  return HEAD + entries.sort(byCode).map(row).join('')
}

function row([code, { meaning, action, retry }]: [string, ErrorEntry]): string {
  return `| \`${code}\` | ${cell(meaning)} | ${cell(action)} | ${RETRY_WORDS[retry]} |\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function byCode([left]: [string, ErrorEntry], [right]: [string, ErrorEntry]): number {
  return left < right ? -1 : 1
}
