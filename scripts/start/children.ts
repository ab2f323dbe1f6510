/** Child processes that never outlive us: each holds the other end of a pipe, and its end is their order to stop. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { CodedError } from '../../enclave/protocol/errors.ts'

export type Child = {
  readonly name: string
  readonly pid: number
  /** Resolves to the exit code once the process has gone; null for one that a signal ended. */
  readonly ended: Promise<number | null>
  /** Asks it to stop, and ends it by force after STOP_MS_MAX. */
  stop(): Promise<void>
  /** The next line of its standard output, undefined at the end. */
  line(): Promise<string | undefined>
}

export type ChildOptions = {
  readonly name: string
  /** The script under the project's root, then its words. */
  readonly words: readonly string[]
  /** Where its standard error goes. */
  readonly logFile: string
  /** Standard output: read by `line`, or into the same log. */
  readonly output?: 'lines' | 'log'
}

export const ROOT = join(import.meta.dirname, '..', '..')
const STOP_MS_MAX = 30_000
const READY_MS_MAX = 60_000

/** Starts one script under this very Node. A group of its own: Ctrl-C in a terminal reaches us alone, and we stop it. */
export function startChild({ name, words, logFile, output = 'log' }: ChildOptions): Child {
  const [script = '', ...rest] = words
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(process.execPath, [join(ROOT, script), ...rest], {
    cwd: ROOT,
    stdio: ['pipe', output === 'lines' ? 'pipe' : log, log],
    detached: true,
  })
  closeSync(log)
  // A child that is gone already must not end us by a broken pipe.
  child.stdin?.on('error', () => undefined)
  const ended = new Promise<number | null>((done) => {
    child.once('error', () => done(1))
    child.once('exit', (code) => done(code))
  })
  return { name, pid: child.pid ?? 0, ended, stop: () => stopChild(child, ended), line: lineReader(child) }
}

/** Waits for a child's first line of output. Refuses ENCLAVE_EXITED when it ends first or stays silent. */
export async function firstLine(child: Child, logFile: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((done) => {
    timer = setTimeout(() => done(undefined), READY_MS_MAX)
  })
  const line = await Promise.race([child.line(), late])
  clearTimeout(timer)
  if (line !== undefined) return line
  await child.stop()
  throw new CodedError('ENCLAVE_EXITED', `expected ${child.name} to say that it is ready; its last words are in ${logFile}`)
}

function lineReader(child: ChildProcess): () => Promise<string | undefined> {
  if (child.stdout === null) return async () => undefined
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async () => {
    const next = await lines.next()
    return next.done === true ? undefined : next.value
  }
}

async function stopChild(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  child.kill('SIGTERM')
  child.stdin?.destroy()
  await ended
  clearTimeout(timer)
}
