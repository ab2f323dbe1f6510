/**
 * Every number that BullMQ and ioredis take from us, in our units, and the one place where they become theirs:
 * drainDelay and KeepJobs.age are seconds there, the rest is milliseconds.
 */
import type { JobsOptions, QueueOptions, WorkerOptions } from 'bullmq'
import type { Redis, RedisOptions } from 'ioredis'
import { dedupIdOf, prefixOf, type Stage } from './names.ts'

/** How long a job of a dead worker stays with it at most. Shorter is safe: a doubled look does nothing twice. */
export const STALLED_INTERVAL_MS = 30_000
/** A lock lives two intervals, and is renewed at half of its life. */
const LOCK_INTERVALS = 2
/** One strike, the default, would strand a shard in `failed` after one stall. */
export const STALLED_MAX = 10
export const DRAIN_DELAY_MS = 2_000
export const COMPLETED_JOBS_MAX = 1_000
export const COMPLETED_AGE_MS_MAX = 3_600_000
export const FAILED_JOBS_MAX = 5_000
export const FAILED_AGE_MS_MAX = 1_209_600_000
export const EVENTS_MAX = 1_000
export const JOB_LOGS_MAX = 50
/** A lost ring costs this long. */
export const TICK_EVERY_MS = 1_000
export const CANARY_EVERY_MS = 15_000
/** After FLUSHALL schedulers and limits are gone; each process puts them back this often, and on every reconnect. */
export const REASSERT_EVERY_MS = 2_000
/** One at a time keeps order cheap; that it is safe otherwise too is the enclave's doing. */
export const DRAINS_AT_ONCE_MAX = 1
/** The next tick is the retry: a delayed one would keep the id and swallow rings for the whole back-off. */
export const DRAIN_ATTEMPTS_MAX = 1
export const RECONNECT_DELAY_MS_MIN = 50
export const RECONNECT_DELAY_MS_MAX = 1_000
export const REDIS_CONNECT_TIMEOUT_MS = 5_000

const MS_PER_SECOND = 1_000

/** Waits for Redis however long it is away: a worker has nothing better to do. */
export function workerConnection() {
  return { ...connection(), maxRetriesPerRequest: null } satisfies RedisOptions
}

/** Fails at once while Redis is away: a ring is not worth waiting for, the tick follows. */
export function queueConnection() {
  return { ...connection(), enableOfflineQueue: false, maxRetriesPerRequest: 1 } satisfies RedisOptions
}

export function queueOptions(shard: number, redis: Redis): QueueOptions {
  return {
    connection: redis,
    prefix: prefixOf(shard),
    streams: { events: { maxLen: EVENTS_MAX } },
    defaultJobOptions: jobOptions(),
  }
}

export function workerOptions(
  shard: number,
  redis: Redis,
  stalledIntervalMs: number = STALLED_INTERVAL_MS,
): WorkerOptions {
  return {
    connection: redis,
    prefix: prefixOf(shard),
    autorun: false,
    concurrency: DRAINS_AT_ONCE_MAX,
    lockDuration: stalledIntervalMs * LOCK_INTERVALS,
    stalledInterval: stalledIntervalMs,
    maxStalledCount: STALLED_MAX,
    drainDelay: toSeconds(DRAIN_DELAY_MS),
    ...keepJobs(),
  }
}

/** At most one active and one waiting run, and always one run after the last ring. */
export function ringOptions(stage: Stage, shard: number): JobsOptions {
  return { ...jobOptions(), deduplication: { id: dedupIdOf(stage, shard), keepLastIfActive: true } }
}

export function jobOptions(): JobsOptions {
  return { attempts: DRAIN_ATTEMPTS_MAX, keepLogs: JOB_LOGS_MAX, ...keepJobs() }
}

function keepJobs() {
  return {
    removeOnComplete: { count: COMPLETED_JOBS_MAX, age: toSeconds(COMPLETED_AGE_MS_MAX) },
    removeOnFail: { count: FAILED_JOBS_MAX, age: toSeconds(FAILED_AGE_MS_MAX) },
  }
}

function connection() {
  return {
    connectTimeout: REDIS_CONNECT_TIMEOUT_MS,
    retryStrategy: (attempt: number) =>
      Math.min(RECONNECT_DELAY_MS_MIN * 2 ** Math.min(attempt, 10), RECONNECT_DELAY_MS_MAX),
  }
}

function toSeconds(ms: number): number {
  return ms / MS_PER_SECOND
}
