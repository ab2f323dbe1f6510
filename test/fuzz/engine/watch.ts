/** Plays tasks in a thread and watches it from outside: an input that does not come back is a hang, and is named. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Report, Task } from './lane.ts'
import { inputOn, look, newSlate, openSlate } from './slate.ts'

/** Generous, since other work shares the processor: an honest input takes a millisecond, and the slowest a few seconds. */
export const INPUT_MS_MAX = 60_000
export const HEAP_MEGABYTES_MAX = 768
const POLL_MS = 250

export type Watched = {
  /** Plays one task. A hang or a death is a report with a failure; the next task gets a new thread. */
  play(task: Task): Promise<Report>
  close(): Promise<void>
}

export function openWatched(): Watched {
  let thread: Thread | undefined
  return {
    play: async (task) => {
      thread ??= newThread()
      const report = await thread.play(task)
      if (!thread.alive()) thread = undefined
      return report
    },
    close: async () => {
      await thread?.end()
      thread = undefined
    },
  }
}

type Thread = {
  readonly play: (task: Task) => Promise<Report>
  readonly alive: () => boolean
  readonly end: () => Promise<unknown>
}

function newThread(): Thread {
  const buffer = newSlate()
  const slate = openSlate(buffer)
  let alive = true
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: buffer,
    // What a target prints, as for --help, is nobody's.
    stdout: true,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES_MAX },
  })
  worker.once('exit', () => {
    alive = false
  })
  const lost = (task: Task, what: string): Report => ({
    ...{ target: task.target, replayed: 0, inputs: look(slate).count, outcomes: {}, functions: 0, distilled: [] },
    failure: { input: inputOn(slate), number: look(slate).count, what },
  })
  const play = async (task: Task): Promise<Report> => {
    const watching = new AbortController()
    const hung = untilStuck(() => look(slate), watching.signal)
    const died = deathOf(worker, watching.signal)
    worker.postMessage(task)
    const came = once(worker, 'message', { signal: watching.signal }).then(([report]) => report as Report)
    came.catch(() => undefined)
    try {
      const end = await Promise.race([came, hung, died])
      if (typeof end !== 'string') return end
      await worker.terminate()
      return lost(task, end)
    } finally {
      watching.abort()
    }
  }
  return { play, alive: () => alive, end: () => worker.terminate() }
}

/** Resolves when one input has been under way for INPUT_MS_MAX. */
function untilStuck(seen: () => { count: number; playing: boolean }, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    let last = seen().count
    let sinceMs = performance.now()
    const timer = setInterval(() => {
      const { count, playing } = seen()
      if (count !== last || !playing) {
        last = count
        sinceMs = performance.now()
      } else if (performance.now() - sinceMs > INPUT_MS_MAX) {
        resolve(`a hang: the input had not been read after ${INPUT_MS_MAX} ms`)
      }
    }, POLL_MS)
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  })
}

/** Resolves when the thread ends by itself: out of memory, or an error that nobody caught. */
function deathOf(worker: Worker, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const died = (error: unknown): void =>
      resolve(`the thread died: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    worker.once('error', died)
    signal.addEventListener('abort', () => worker.off('error', died), { once: true })
  })
}
