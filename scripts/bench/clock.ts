/**
 * The time that one thread has computed. On a busy machine the clock on the wall counts what everybody else does too, and a
 * figure beside its bound would compare two moments of the day. Helpers of V8 that run beside the thread are not counted.
 */
import { readFileSync } from 'node:fs'

const NANOS_PER_MS = 1_000_000
const MICROS_PER_MS = 1_000

/** Of this thread; before Node 23.9 the clock on the wall. */
export function ownMs(): number {
  if (typeof process.threadCpuUsage !== 'function') return performance.now()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / MICROS_PER_MS
}

/** Of the first thread of another process, which must be waiting; without Linux the clock on the wall. */
export function threadMs(pid: number): number {
  try {
    const [nanos = ''] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')
    return Number.parseInt(nanos, 10) / NANOS_PER_MS
  } catch {
    return performance.now()
  }
}
