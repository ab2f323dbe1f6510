/**
 * A clock that the host cannot set: the time stands in a document that the NSM signed, and is carried on by a counter that
 * no one sets until the next document. The machine's clock is never read [N25]. What is left to a host that can stop the
 * counter, by pausing the whole enclave, is a clock that lags until that document.
 */
import { CodedError } from '../protocol/errors.ts'
import type { Clock } from './clock.ts'

/** One look at the NSM's time: what it said, and how the counter stood before and after the question. */
export type Reading = {
  readonly unixMs: number
  readonly beforeMs: number
  readonly afterMs: number
}

export type TimeSource = {
  /** The time of a fresh document of our own NSM, ms since 1970. Throws where there is none to believe. */
  readonly documentMs: () => number
  /** Milliseconds from any start: only counts up, and no one sets it. */
  readonly monotonicMs: () => number
}

/** A reading older than this is not carried on: a counter that is off by 100 parts in a million errs by 6 ms until then. */
export const READING_AGE_MS_MAX = 60_000
/** A host that stalls the question would make its answer old by as much: such an answer is not taken. */
export const READING_TOOK_MS_MAX = 5_000
export const READING_ATTEMPTS_MAX = 3
const MS_PER_SECOND = 1_000

/** The time that a reading gives at this count, or undefined where it is too old to be carried on. */
export function carriedMs(reading: Reading, monotonicMs: number): number | undefined {
  const elapsedMs = monotonicMs - reading.afterMs
  if (!(elapsedMs >= 0 && elapsedMs <= READING_AGE_MS_MAX)) return undefined
  return Math.floor(reading.unixMs + elapsedMs)
}

/** True where the answer came soon enough that its time is still the present. */
export function isPrompt({ beforeMs, afterMs }: Reading): boolean {
  const tookMs = afterMs - beforeMs
  return tookMs >= 0 && tookMs <= READING_TOOK_MS_MAX
}

/**
 * An attested clock. It asks at its first use, and then when the last answer is older than READING_AGE_MS_MAX. It never
 * goes back: where a later document gives an earlier time, it stands still until that has caught up.
 *
 * `unixSeconds` throws what `documentMs` throws, and NSM_FAILED where the module does not answer promptly: there is no
 * other time to fall back to.
 */
export function openTrustedClock(source: TimeSource): Clock {
  let reading: Reading | undefined
  let latestMs = 0
  const unixMs = (): number => {
    const carried = reading === undefined ? undefined : carriedMs(reading, source.monotonicMs())
    if (carried !== undefined) return carried
    reading = takeReading(source)
    return reading.unixMs
  }
  return {
    attested: true,
    unixSeconds: () => {
      latestMs = Math.max(latestMs, unixMs())
      return Math.floor(latestMs / MS_PER_SECOND)
    },
  }
}

function takeReading(source: TimeSource): Reading {
  for (let attempt = 1; attempt <= READING_ATTEMPTS_MAX; attempt++) {
    const beforeMs = source.monotonicMs()
    const unixMs = source.documentMs()
    const reading = { unixMs, beforeMs, afterMs: source.monotonicMs() }
    if (isPrompt(reading)) return reading
  }
  const expected = `expected the NSM's time within ${READING_TOOK_MS_MAX} ms`
  throw new CodedError('NSM_FAILED', `${expected}, got ${READING_ATTEMPTS_MAX} answers that took longer`)
}
