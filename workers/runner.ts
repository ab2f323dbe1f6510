/**
 * One stage as a BullMQ worker: a job says "look", the stage looks until there is nothing left or its slice of time ends,
 * and then rings itself. Failures are paced by a breaker; the next tick is the retry.
 */
import { UnrecoverableError, Worker } from 'bullmq'
import { ConsecutiveBreaker, circuitBreaker, handleWhen, isBrokenCircuitError } from 'cockatiel'
import { isCoded } from '../enclave/protocol/errors.ts'
import type { Context } from '../host/context.ts'
import { shownError } from '../host/log.ts'
import { connectRedis } from '../queues/connection.ts'
import type { Doorbell, Ring } from '../queues/doorbell.ts'
import { parseDrainJob } from '../queues/jobs.ts'
import { QUEUE_OF_STAGE, type Stage } from '../queues/names.ts'
import { workerOptions } from '../queues/options.ts'
import { openIngest } from './1-ingest/worker.ts'
import { openPrepare } from './2-prepare/worker.ts'
import { openBroadcast } from './3-broadcast/worker.ts'
import { openConfirm } from './4-confirm/worker.ts'

/** A drain gives its slot back after this long and rings itself. */
export const SLICE_MS = 5_000
export const LOOKS_PER_SLICE_MAX = 1_000
const BREAK_AFTER_FAILURES = 5
const BREAK_MS = 2_000

export type RunningStage = { close(): Promise<void> }
type Look = { run(): Promise<'again' | 'idle'>; close(): Promise<unknown> }

const OPENERS: { readonly [S in Stage]: (context: Context, ring: Ring) => Look } = {
  ingest: openIngest,
  prepare: openPrepare,
  broadcast: openBroadcast,
  confirm: openConfirm,
}

/** `onLook` is told of every job taken and every look within it: who hears nothing for long knows that this is wedged. */
export function startStage(stage: Stage, context: Context, doorbell: Doorbell, onLook: () => void): RunningStage {
  const { config, log } = context
  const look = OPENERS[stage](context, doorbell.ring)
  const redis = connectRedis(config.redisUrl, 'worker', (error) => log.debug({ stage, ...shownError(error) }, 'redis'))
  const fails = handleWhen((error) => !isCoded(error, 'JOURNAL_FORK'))
  const breaker = circuitBreaker(fails, {
    halfOpenAfter: BREAK_MS,
    breaker: new ConsecutiveBreaker(BREAK_AFTER_FAILURES),
  })
  const handle = async (data: unknown, signal: AbortSignal | undefined) => {
    onLook()
    parseDrainJob(data)
    const lookOnce = () => look.run().finally(onLook)
    try {
      if ((await breaker.execute(() => drain(lookOnce, context.now, signal))) === 'again') await doorbell.ring(stage)
    } catch (error) {
      if (isCoded(error, 'JOURNAL_FORK')) throw new UnrecoverableError(`${error.code}: ${error.message}`)
      throw error
    }
  }
  const worker = new Worker(
    QUEUE_OF_STAGE[stage],
    (job, _token, signal) => handle(job.data, signal),
    workerOptions(config.shard, redis, config.stalledIntervalMs),
  )
  worker.on('error', (error) => log.debug({ stage, ...shownError(error) }, 'worker'))
  worker.on('failed', (_job, error) => {
    if (!isBrokenCircuitError(error)) log.warn({ stage, ...shownError(error) }, 'look failed')
  })
  const running = worker.run()
  return {
    close: async () => {
      await worker.close()
      await running
      await look.close()
      redis.disconnect()
    },
  }
}

async function drain(look: Look['run'], now: () => number, signal: AbortSignal | undefined): Promise<'again' | 'idle'> {
  const untilMs = now() + SLICE_MS
  for (let count = 0; count < LOOKS_PER_SLICE_MAX && now() < untilMs && signal?.aborted !== true; count++) {
    if ((await look()) === 'idle') return 'idle'
  }
  return 'again'
}
