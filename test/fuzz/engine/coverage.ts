/**
 * Which blocks of our code an input reaches, as V8 counts them in this very thread. Only what is not reached is kept: a
 * function that was called is known by the ranges in it that nobody has entered yet.
 */
import { type Profiler, Session } from 'node:inspector'
import { pathToFileURL } from 'node:url'
import { ROOT } from './root.ts'

type Range = { readonly start: number; readonly end: number }
type Unreached = readonly Range[]
/** For each function that was called, what was not entered of it. */
export type Reached = ReadonlyMap<string, Unreached>

const WATCHED = ['enclave', 'host', 'api', 'auditor', 'reporter', 'queues', 'scripts'].map(
  (folder) => pathToFileURL(`${ROOT}/${folder}/`).href,
)

export class Coverage {
  readonly #session = new Session()
  readonly #unreached = new Map<string, Unreached>()

  /** Counting slows everything down: start it only for as long as it is needed. */
  start(): void {
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  stop(): void {
    this.#post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  /** What was reached since the last look. */
  take(): Reached {
    const { result } = this.#post('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType
    const seen = new Map<string, Unreached>()
    for (const { url, functions } of result) {
      if (!WATCHED.some((folder) => url.startsWith(folder))) continue
      for (const { functionName, ranges } of functions) {
        const [whole] = ranges
        if (whole !== undefined && whole.count > 0)
          seen.set(`${url} ${functionName} ${whole.startOffset}`, unreachedIn(ranges))
      }
    }
    return seen
  }

  /** True when `seen` holds a block that no input before has reached; it is reached from here on. */
  add(seen: Reached): boolean {
    let isNew = false
    for (const [place, ranges] of seen) {
      const before = this.#unreached.get(place)
      const after = before === undefined ? ranges : intersection(before, ranges)
      if (before !== undefined && sizeOf(after) === sizeOf(before)) continue
      this.#unreached.set(place, after)
      isNew = true
    }
    return isNew
  }

  /** As add, without taking it in. */
  isNew(seen: Reached): boolean {
    for (const [place, ranges] of seen) {
      const before = this.#unreached.get(place)
      if (before === undefined || sizeOf(intersection(before, ranges)) < sizeOf(before)) return true
    }
    return false
  }

  /** Functions called so far. */
  get functions(): number {
    return this.#unreached.size
  }

  #post(method: string, params: object = {}): unknown {
    let answer: unknown
    this.#session.post(method, params, (error, result) => {
      if (error !== null) throw error
      answer = result
    })
    return answer
  }
}

/** Ranges nest: an inner one with a count of its own stands for what lies inside it. */
function unreachedIn(ranges: readonly Profiler.CoverageRange[]): Range[] {
  const unreached: Range[] = []
  for (const { startOffset: start, endOffset: end, count } of ranges) if (count === 0) unreached.push({ start, end })
  return unreached.sort((left, right) => left.start - right.start)
}

function intersection(left: Unreached, right: Unreached): Range[] {
  const both: Range[] = []
  let [i, j] = [0, 0]
  while (i < left.length && j < right.length) {
    const [a, b] = [left[i] as Range, right[j] as Range]
    const start = Math.max(a.start, b.start)
    const end = Math.min(a.end, b.end)
    if (start < end) both.push({ start, end })
    if (a.end < b.end) i++
    else j++
  }
  return both
}

function sizeOf(ranges: Unreached): number {
  return ranges.reduce((size, { start, end }) => size + end - start, 0)
}
