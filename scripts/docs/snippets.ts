/**
 * The code blocks of our pages that promise to run: fenced blocks whose first line says `sh run` or `ts run`.
 * They run from the repository's root; anything but exit code 0 is a broken promise.
 */
import { spawnSync } from 'node:child_process'

export type Snippet = {
  readonly page: string
  readonly line: number
  readonly language: 'sh' | 'ts'
  readonly code: string
}

export type SnippetResult = { readonly code: number | null; readonly output: string }

const FENCE = /^```(sh|ts) run\n([\s\S]*?)^```$/gm
const SNIPPET_MS_MAX = 60_000

/** The marked snippets of one page, in order. */
export function findSnippets(page: string, text: string): Snippet[] {
  return [...text.matchAll(FENCE)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1] === 'sh' ? 'sh' : 'ts',
    code: match[2] ?? '',
  }))
}

/** Runs one snippet under this very Node, with the project's programs first on PATH. */
export function runSnippet({ language, code }: Snippet, root: string): SnippetResult {
  const [command, words] =
    language === 'sh'
      ? ['bash', ['-euo', 'pipefail', '-c', code]]
      : [process.execPath, ['--input-type=module-typescript', '-e', code]]
  const env = { ...process.env, PATH: `${root}/node_modules/.bin:${process.env['PATH'] ?? ''}` }
  const options = { cwd: root, env, encoding: 'utf8', timeout: SNIPPET_MS_MAX } as const
  const { status, stdout, stderr } = spawnSync(command, words, options)
  return { code: status, output: stdout + stderr }
}
