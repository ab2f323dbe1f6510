import { expect } from 'chai'
import type { Redis } from 'ioredis'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { parseDrainJob, SHARDS_MAX } from '../../../queues/jobs.ts'
import {
  CANARY_QUEUE,
  canaryTickIdOf,
  dedupIdOf,
  prefixOf,
  QUEUE_OF_STAGE,
  STAGES,
  tickIdOf,
} from '../../../queues/names.ts'
import {
  jobOptions,
  queueConnection,
  queueOptions,
  ringOptions,
  workerConnection,
  workerOptions,
} from '../../../queues/options.ts'

const redis = {} as Redis

describe('queues', () => {
  it('gives every key of a shard one hash tag, and no two shards the same', () => {
    const prefixes = Array.from({ length: SHARDS_MAX }, (_, shard) => prefixOf(shard))
    expect(new Set(prefixes).size).to.equal(SHARDS_MAX)
    for (const prefix of prefixes) expect(prefix).to.match(/^\{pay-\d{3}\}$/)
  })

  it('uses no colon in a name or id, and no id of digits only', () => {
    const names = [...Object.values(QUEUE_OF_STAGE), CANARY_QUEUE]
    const ids = [...STAGES.flatMap((stage) => [dedupIdOf(stage, 7), tickIdOf(stage, 7)]), canaryTickIdOf(7)]
    for (const text of [...names, ...ids]) expect(text).to.match(/^[a-z][a-z0-9-]*$/)
  })

  it('bounds what finished and failed jobs and events leave behind, on every queue', () => {
    for (const options of [jobOptions(), workerOptions(0, redis)]) {
      expect(options.removeOnComplete).to.deep.equal({ count: 1_000, age: 3_600 })
      expect(options.removeOnFail).to.deep.equal({ count: 5_000, age: 1_209_600 })
    }
    expect(queueOptions(0, redis).streams).to.deep.equal({ events: { maxLen: 1_000 } })
  })

  it('hands seconds to the two options of BullMQ that count in seconds, and milliseconds to the rest', () => {
    const options = workerOptions(0, redis, 30_000)
    expect(options.drainDelay).to.equal(2)
    expect(options.lockDuration).to.equal(60_000)
    expect(options.stalledInterval).to.equal(30_000)
    expect(options.maxStalledCount).to.be.above(1)
  })

  it('never retries a ring by delay, which would swallow the rings behind it', () => {
    const options = ringOptions('prepare', 3)
    expect(options.attempts).to.equal(1)
    expect(options.deduplication).to.deep.equal({ id: 'prepare-003', keepLastIfActive: true })
  })

  it('lets a worker wait for Redis for ever, and a ring not at all', () => {
    expect(workerConnection().maxRetriesPerRequest).to.equal(null)
    expect(queueConnection().enableOfflineQueue).to.equal(false)
  })

  it('accepts a shard and refuses every other job with JOB_INVALID', () => {
    expect(parseDrainJob({ shard: 255 })).to.deep.equal({ shard: 255 })
    for (const data of [{}, { shard: 256 }, { shard: -1 }, { shard: '1' }, { shard: 1, amount: '5' }, null, 7]) {
      expect(() => parseDrainJob(data))
        .to.throw()
        .and.satisfy((error: unknown) => isCoded(error, 'JOB_INVALID'))
    }
  })
})
