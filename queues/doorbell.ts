/**
 * Redis as a doorbell: a ring says "shard 7 has work", never which. What a ring forgets, the safety tick remembers;
 * what FLUSHALL forgets (the ticks themselves, and the limits), a local timer puts back.
 */
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { CodedError } from '../enclave/protocol/errors.ts'
import { connectRedis } from './connection.ts'
import {
  CANARY_QUEUE,
  canaryTickIdOf,
  DRAIN_JOB,
  PING_JOB,
  QUEUE_OF_STAGE,
  STAGES,
  type Stage,
  tickIdOf,
} from './names.ts'
import {
  CANARY_EVERY_MS,
  DRAINS_AT_ONCE_MAX,
  jobOptions,
  queueOptions,
  REASSERT_EVERY_MS,
  REDIS_CONNECT_TIMEOUT_MS,
  ringOptions,
  TICK_EVERY_MS,
} from './options.ts'

/** Resolves to whether Redis took the ring. It never throws, and gives a Redis that is away up at once: the tick makes up for a lost ring. */
export type Ring = (stage: Stage) => Promise<boolean>

export type Doorbell = {
  readonly ring: Ring
  /** Puts back the ticks and limits of these stages now, and again every REASSERT_EVERY_MS and on each reconnect. */
  keepTicking(stages: readonly Stage[]): Promise<boolean>
  close(): Promise<void>
}

export function openDoorbell(options: {
  readonly url: string
  readonly shard: number
  readonly onError: (error: Error) => void
}): Doorbell {
  const redis = connectRedis(options.url, 'queue', options.onError)
  const queues = openQueues(redis, options.shard, options.onError)
  let ticking: readonly Stage[] = []
  let timer: NodeJS.Timeout | undefined
  const attempt = async (act: () => Promise<void>) => {
    try {
      await answering(redis)
      await act()
      return true
    } catch (error) {
      options.onError(error as Error)
      return false
    }
  }
  const reassert = () => attempt(() => assertTicks(queues, options.shard, ticking))
  redis.on('ready', () => void reassert())
  return {
    ring: (stage) => attempt(() => ringOnce(queues, stage, options.shard)),
    keepTicking: (stages) => {
      ticking = stages
      timer ??= setInterval(() => void reassert(), REASSERT_EVERY_MS)
      return reassert()
    },
    close: async () => {
      clearInterval(timer)
      ticking = []
      // A queue whose connection never came waits for it, unless it has ended.
      if (redis.status !== 'ready') redis.disconnect()
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()))
      redis.disconnect()
    },
  }
}

type Queues = ReadonlyMap<Stage | typeof CANARY_QUEUE, Queue>

function openQueues(redis: Redis, shard: number, onError: (error: Error) => void): Queues {
  const open = (name: string) => new Queue(name, queueOptions(shard, redis)).on('error', onError)
  const pairs = STAGES.map((stage) => [stage, open(QUEUE_OF_STAGE[stage])] as const)
  return new Map<Stage | typeof CANARY_QUEUE, Queue>([...pairs, [CANARY_QUEUE, open(CANARY_QUEUE)]])
}

async function ringOnce(queues: Queues, stage: Stage, shard: number): Promise<void> {
  await queues.get(stage)?.add(DRAIN_JOB, { shard }, ringOptions(stage, shard))
}

async function assertTicks(queues: Queues, shard: number, stages: readonly Stage[]): Promise<void> {
  for (const stage of stages) {
    const queue = queues.get(stage)
    await queue?.upsertJobScheduler(
      tickIdOf(stage, shard),
      { every: TICK_EVERY_MS },
      { name: DRAIN_JOB, data: { shard }, opts: jobOptions() },
    )
    await queue?.setGlobalConcurrency(DRAINS_AT_ONCE_MAX)
  }
  if (stages.length === 0) return
  const template = { name: PING_JOB, data: { shard }, opts: jobOptions() }
  await queues.get(CANARY_QUEUE)?.upsertJobScheduler(canaryTickIdOf(shard), { every: CANARY_EVERY_MS }, template)
}

/** BullMQ waits for a connection without end. Rejects on the first error of one that is not there, or after its timeout. */
function answering(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve()
  return new Promise((resolve, reject) => {
    const ready = () => settle(resolve)
    const gone = () => settle(() => reject(new CodedError('REDIS_MISSING', 'expected a Redis that answers, got none')))
    const clock = setTimeout(gone, REDIS_CONNECT_TIMEOUT_MS)
    const settle = (act: () => void) => {
      clearTimeout(clock)
      redis.off('ready', ready).off('error', gone).off('end', gone)
      act()
    }
    redis.once('ready', ready).once('error', gone).once('end', gone)
  })
}
