/** The command line as an operator types it: a process, its words, what it prints and its exit code. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { runCli } from '../../scripts/cli/program.ts'

export type Said = { readonly code: number; readonly out: string; readonly err: string }

export const MAIN = join(import.meta.dirname, '..', '..', 'scripts', 'anchorhold.ts')
const COMMAND_MS_MAX = 180_000

export function anchorhold(words: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<Said> {
  return new Promise((resolve) => {
    const options = { timeout: COMMAND_MS_MAX, env: environment, maxBuffer: 16 * 1_048_576 }
    execFile(process.execPath, [MAIN, ...words], options, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code, out, err })
    })
  })
}

/** The same words in this process, for those that never come as far as a ledger. */
export async function typed(words: readonly string[]): Promise<Said> {
  const said = { out: '', err: '' }
  const into = (name: 'out' | 'err') => (text: string) => {
    said[name] += text
  }
  const terminal = { out: into('out'), err: into('err'), environment: {}, typedIn: process.cwd() }
  const code = await runCli(words, terminal)
  return { code, ...said }
}

// biome-ignore lint/suspicious/noExplicitAny: answers are judged field by field in tests.
export type Value = any

/** The answer of a command with --json: one line, one object. */
export async function answerOf(
  words: readonly string[],
  environment?: NodeJS.ProcessEnv,
): Promise<{ code: number; value: Value }> {
  const { code, out, err } = await anchorhold([...words, '--json'], environment)
  const lines = out.trimEnd().split('\n')
  if (lines.length !== 1 || lines[0] === '')
    throw new Error(`expected one line of JSON, got ${JSON.stringify(out)} and ${err}`)
  return { code, value: JSON.parse(lines[0] ?? '') }
}
