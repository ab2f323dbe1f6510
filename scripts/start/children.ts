/** Child processes that never outlive us: each holds the other end of a pipe, and its end is their order to stop. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ENVIRONMENT } from '../../host/config.ts'

export type Child = {
  readonly name: string
  readonly pid: number
  /** Resolves to the exit code once the process has gone; null for one that a signal ended. */
  readonly ended: Promise<number | null>
  /** Asks it to stop, and ends it by force after STOP_MS_MAX. */
  stop(): Promise<void>
}

export type ChildOptions = {
  readonly name: string
  /** The script under the project's root, then its words. */
  readonly words: readonly string[]
  /** Where what it says goes. */
  readonly logFile: string
}

export const ROOT = join(import.meta.dirname, '..', '..')
const STOP_MS_MAX = 30_000

/** Starts one script under this very Node. A group of its own: Ctrl-C in a terminal reaches us alone, and we stop it. */
export function startChild({ name, words, logFile }: ChildOptions): Child {
  const [script = '', ...rest] = words
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(process.execPath, [join(ROOT, script), ...rest], {
    cwd: ROOT,
    stdio: ['pipe', log, log],
    env: ownEnvironment(),
    detached: true,
  })
  closeSync(log)
  // A child that is gone already must not end us by a broken pipe.
  child.stdin?.on('error', () => undefined)
  const ended = new Promise<number | null>((done) => {
    child.once('error', () => done(1))
    child.once('exit', (code) => done(code))
  })
  return { name, pid: child.pid ?? 0, ended, stop: () => stopChild(child, ended) }
}

/** Settings of another installation, left in the shell, would lead our workers to its chain. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !Object.hasOwn(ENVIRONMENT, name)))
}

async function stopChild(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  child.kill('SIGTERM')
  child.stdin?.destroy()
  await ended
  clearTimeout(timer)
}
