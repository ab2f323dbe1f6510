/**
 * Fails a suite that leaves a worker, socket, server, timer or child process behind.
 *
 * Loaded by .mocharc.json. Each top-level `describe` is compared with the moment it began, after a short grace for
 * handles that close on a later turn of the loop. What was unreferenced on purpose keeps no process alive and is not
 * counted, except child processes and workers: those are work that goes on.
 */
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import type { Suite } from 'mocha'

const LEAK_POLL_MS = 25
const LEAK_POLLS_MAX = 80
const LEAK_TIMEOUT_MS = 10_000

const WATCHED = new Set([
  'Timeout',
  'TCPSocketWrap',
  'TCPServerWrap',
  'PipeWrap',
  'PipeServerWrap',
  'UDPWrap',
  'ProcessWrap',
  'FSEventWrap',
  'StatWatcher',
])

const children = new Set<ChildProcess>()
const workers = new Set<Worker>()

export const mochaHooks = {
  beforeAll(this: Mocha.Context): void {
    watchStarts()
    const root = this.test?.parent
    for (const suite of root?.suites ?? []) guard(suite)
  },
}

function watchStarts(): void {
  // Opened on first use: a suite that is the first to write there has leaked nothing.
  void process.stderr.writable
  subscribe('child_process', (message) => {
    children.add((message as { process: ChildProcess }).process)
  })
  subscribe('worker_threads', (message) => {
    const { worker } = message as { worker: Worker }
    workers.add(worker)
    worker.once('exit', () => workers.delete(worker))
  })
}

// Added last, so it runs after the suite's own `after` hooks have closed what they opened.
function guard(suite: Suite): void {
  let before = new Map<string, number>()
  suite.beforeAll('notes what is open', async function (this: Mocha.Context) {
    // Mocha starts its own clock for a hook, a Timeout as well, once the hook's first part has returned: one turn
    // later it runs, at both looks, and cancels out.
    this.timeout(LEAK_TIMEOUT_MS)
    await nextTurn()
    before = openHandles()
  })
  // The note must come first of all, or what the suite's own hook opens would count as open before.
  const hooks = (suite as unknown as { _beforeAll: unknown[] })._beforeAll
  hooks.unshift(hooks.pop())
  suite.afterAll('leaves nothing open', async function (this: Mocha.Context) {
    this.timeout(LEAK_TIMEOUT_MS)
    const left = await leftOpen(before)
    if (left.length > 0)
      throw new Error(`"${suite.title}" left open: ${left.join(', ')}. Close it in the suite's own after hook.`)
  })
}

async function leftOpen(before: Map<string, number>): Promise<string[]> {
  let left: string[] = []
  await nextTurn()
  for (let poll = 0; poll < LEAK_POLLS_MAX; poll++) {
    left = difference(before, openHandles())
    if (left.length === 0) return left
    await sleep(LEAK_POLL_MS)
  }
  return left
}

function openHandles(): Map<string, number> {
  const open = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) if (WATCHED.has(kind)) open.set(kind, (open.get(kind) ?? 0) + 1)
  for (const child of children) if (!isRunning(child)) children.delete(child)
  open.set('child process', children.size)
  open.set('worker', workers.size)
  return open
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

function difference(before: Map<string, number>, after: Map<string, number>): string[] {
  return [...after]
    .filter(([kind, count]) => count > (before.get(kind) ?? 0))
    .map(([kind, count]) => `${count - (before.get(kind) ?? 0)} ${kind}`)
}
