/** Consumes the canary's pings and notes when the last one came: a healthy Redis does not prove that jobs are consumed. */
import { Worker } from 'bullmq'
import type { Context } from '../host/context.ts'
import { writeDurably } from '../host/durable-file.ts'
import { shownError } from '../host/log.ts'
import { connectRedis } from '../queues/connection.ts'
import { parseDrainJob } from '../queues/jobs.ts'
import { CANARY_QUEUE } from '../queues/names.ts'
import { workerOptions } from '../queues/options.ts'

export function startCanary(context: Context): { close(): Promise<void> } {
  const { config, log } = context
  const onError = (error: Error) => log.debug(shownError(error), 'canary')
  const redis = connectRedis(config.redisUrl, 'worker', onError)
  const note = async (data: unknown) => {
    parseDrainJob(data)
    await writeDurably(config.paths.canary, JSON.stringify({ atMs: context.now(), pid: process.pid }))
  }
  const worker = new Worker(
    CANARY_QUEUE,
    (job) => note(job.data),
    workerOptions(config.shard, redis, config.stalledIntervalMs),
  ).on('error', onError)
  const running = worker.run()
  return {
    close: async () => {
      await worker.close()
      await running
      redis.disconnect()
    },
  }
}
