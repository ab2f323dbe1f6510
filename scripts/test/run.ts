/** One suite in one process of its own: its output streamed, its tests counted, nothing of it left running. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Counts, NONE, readCount } from './count.ts'
import { livingMembers, signalGroup } from './group.ts'
import { commandOf, type FoundSuite } from './suites.ts'

export type SuiteResult = {
  readonly name: string
  readonly counts: Counts
  readonly tookMs: number
  /** Why failures were added that no test reported; empty for an orderly run. */
  readonly complaints: readonly string[]
  /** What its report says of the tests that failed, cut at FAILURE_LINES_MAX. */
  readonly failures: readonly string[]
}

export type RunOptions = {
  readonly root: string
  readonly grep: string | undefined
  readonly signal: AbortSignal
  /** Hears each line of the suite's output. */
  readonly say: (line: string) => void
}

const SUITE_MS_MAX = 18 * 60_000
const SLOW_SUITE_MS_MAX = 90 * 60_000
const EXIT_GRACE_MS = 10_000
const LEFT_POLL_MS = 100
const LEFT_POLLS_MAX = 20
const FAILURE_LINES_MAX = 100

/** Runs a suite to its end. A suite that dies, hangs, runs nothing or leaves processes behind counts one failure for each. */
export async function runSuite(suite: FoundSuite, options: RunOptions): Promise<SuiteResult> {
  const startedAtMs = Date.now()
  const child = start(suite, options)
  const stop = () => endGroup(child, 'SIGTERM')
  options.signal.addEventListener('abort', stop, { once: true })
  const msMax = suite.slow ? SLOW_SUITE_MS_MAX : SUITE_MS_MAX
  const seen = await follow(child, msMax, options.say)
  options.signal.removeEventListener('abort', stop)
  const complaints = judge(seen, msMax, options.grep !== undefined)
  const left = await leftRunning(child)
  if (left.length > 0) complaints.push(`left processes running: ${left.join(', ')}`)
  endGroup(child, 'SIGKILL')
  const counts = { ...seen.counts, failed: seen.counts.failed + complaints.length }
  return { name: suite.name, counts, tookMs: Date.now() - startedAtMs, complaints, failures: seen.failures }
}

type Seen = {
  counts: Counts
  counted: boolean
  code: number | null
  late: 'hung' | 'lingered' | undefined
  readonly failures: string[]
}

function start(suite: FoundSuite, { root, grep }: RunOptions): ChildProcess {
  // Tests start a thousand processes: each starts in half the time where its sources were stripped and compiled before.
  const NODE_COMPILE_CACHE = join(root, '.cache', 'compile')
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  const env = { ...process.env, NODE_COMPILE_CACHE, ...colour, ...suite.env }
  // A process group of its own: whatever a test started and forgot can be found and ended through it.
  return spawn(process.execPath, commandOf(suite, grep), {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function follow(child: ChildProcess, msMax: number, say: (line: string) => void): Promise<Seen> {
  const seen: Seen = { counts: NONE, counted: false, code: null, late: undefined, failures: [] }
  const end = (late: 'hung' | 'lingered') => () => {
    seen.late = late
    endGroup(child, 'SIGKILL')
  }
  let clock = setTimeout(end('hung'), msMax)
  readLines(child, (line) => {
    say(line)
    const count = readCount(line)
    // Reports tell of the failed tests behind their number.
    if (count?.kind === 'failed' || seen.counts.failed > 0) seen.failures.push(line)
    seen.failures.splice(FAILURE_LINES_MAX)
    if (count === undefined) return
    seen.counts = { ...seen.counts, [count.kind]: count.tests }
    if (seen.counted) return
    // The count is printed after the last test. From here on only something left open keeps the process alive.
    seen.counted = true
    clearTimeout(clock)
    clock = setTimeout(end('lingered'), EXIT_GRACE_MS)
  })
  seen.code = await exitCode(child)
  clearTimeout(clock)
  return seen
}

function readLines(child: ChildProcess, eat: (line: string) => void): void {
  if (child.stdout === null) return
  createInterface({ input: child.stdout }).on('line', (line) => {
    eat(line)
  })
}

function exitCode(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    // On `exit`, not `close`: a forgotten grandchild may hold the pipe for ever. One turn lets the last lines arrive.
    child.once('exit', (code) => setTimeout(() => resolve(code), 50))
  })
}

function judge({ counts, counted, code, late }: Seen, msMax: number, narrowed: boolean): string[] {
  if (late === 'hung') return [`did not end within ${msMax / 60_000} minutes`]
  if (late === 'lingered') return [`was still running ${EXIT_GRACE_MS / 1_000} s after its last test`]
  if (code !== 0 && counts.failed === 0)
    return [`ended with exit code ${code ?? 'none (a signal)'} though no test failed`]
  const ran = counts.passed + counts.failed + counts.skipped
  if (!counted || (ran === 0 && !narrowed)) return ['ran no test']
  return []
}

// A child that was told to end may take a moment longer than the suite that told it.
async function leftRunning({ pid }: ChildProcess): Promise<number[]> {
  let left: number[] = []
  for (let poll = 0; poll < LEFT_POLLS_MAX; poll++) {
    left = pid === undefined ? [] : livingMembers(pid)
    if (left.length === 0) break
    await sleep(LEFT_POLL_MS)
  }
  return left
}

function endGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid !== undefined) signalGroup(child.pid, signal)
}
