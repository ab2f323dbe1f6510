/** Plays tasks in a thread and watches it from outside: an input that does not come back is a hang, and is named. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Report, Task } from './lane.ts'
import { inputOn, look, newSlate, openSlate } from './slate.ts'

export type WatchLimits = {
  readonly inputMsMax: number
  readonly heapMegabytesMax: number
  /** What the process may grow by within one task: buffers lie outside of every heap. */
  readonly growthMegabytesMax: number
}

/** Generous, since other work shares the processor: an honest input takes a millisecond, and the slowest a few seconds. */
export const WATCH_LIMITS: WatchLimits = { inputMsMax: 60_000, heapMegabytesMax: 768, growthMegabytesMax: 2_048 }
const POLL_MS = 250
const BYTES_PER_MEGABYTE = 1_048_576

export type Watched = {
  /** Plays one task. A hang or a death is a report with a failure; the next task gets a new thread. */
  play(task: Task): Promise<Report>
  close(): Promise<void>
}

export function openWatched(limits: WatchLimits = WATCH_LIMITS): Watched {
  let thread: Thread | undefined
  return {
    play: async (task) => {
      thread ??= newThread(limits)
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

function newThread(limits: WatchLimits): Thread {
  const buffer = newSlate()
  const slate = openSlate(buffer)
  let alive = true
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: buffer,
    // What a target prints, as for --help, is nobody's.
    stdout: true,
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMegabytesMax },
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
    const hung = untilStuck(() => look(slate), limits, watching.signal)
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

/** Resolves when one input has been under way for too long, or when the process has grown too large. */
function untilStuck(
  seen: () => { count: number; playing: boolean },
  { inputMsMax, growthMegabytesMax }: WatchLimits,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve) => {
    let last = seen().count
    let sinceMs = performance.now()
    const bytesMax = process.memoryUsage.rss() + growthMegabytesMax * BYTES_PER_MEGABYTE
    const timer = setInterval(() => {
      const { count, playing } = seen()
      if (process.memoryUsage.rss() > bytesMax) resolve(`grew by more than ${growthMegabytesMax} MiB of memory`)
      if (count !== last || !playing) {
        last = count
        sinceMs = performance.now()
      } else if (performance.now() - sinceMs > inputMsMax) {
        resolve(`a hang: the input had not been read after ${inputMsMax} ms`)
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
