import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { expect } from 'chai'
import { Redis as Client } from 'ioredis'
import { prefixOf, QUEUE_OF_STAGE, STAGES } from '../../queues/names.ts'
import { type Redis, startRedis } from '../../scripts/redis/redis.ts'
import { chainOf, ether, PAYEES, ROOT, startWorld, TREASURY_WEI, until, type World } from './pipeline-world.ts'

const SUITE_MS_MAX = 400_000
const CREDIT = '0.01'
/** Past the minute after which a process that is handed no job ends itself: none of them may have come to that. */
const PAID_MS_MAX = 120_000
/** Longer than any delay of BullMQ: a fault of versions 6.0.10 to 6.3.2 left workers asleep for ever after that. */
const OUTAGE_MS = 20_000
const LIVENESS_MS = 5_000

describe('the pipeline without its Redis', function () {
  this.timeout(SUITE_MS_MAX)
  let world: World
  let redis: Redis
  let creditedWei = 0n
  const stages: ChildProcess[] = []

  const credit = (rounds: number) => {
    world.credit(rounds, CREDIT)
    creditedWei += BigInt(rounds * PAYEES) * ether(CREDIT)
  }
  const paid = () =>
    until(
      `${creditedWei} wei paid`,
      async () => {
        const ledger = (await world.status())?.ledger
        return ledger?.paidWei === creditedWei && ledger.unlanded === null ? ledger : undefined
      },
      PAID_MS_MAX,
    )
  const expectExact = async () => {
    const { treasuryWei } = await chainOf(world).facts(world.authority)
    expect(treasuryWei).to.equal(TREASURY_WEI - creditedWei)
    expect(stages.map(({ exitCode, signalCode }) => exitCode ?? signalCode)).to.deep.equal(STAGES.map(() => null))
  }
  const killRedis = async () => {
    process.kill(redis.pid ?? 0, 'SIGKILL')
    await redis.ended
  }
  const startAgain = async () => {
    redis = await startRedis({
      dataDir: join(world.dataDir, 'redis'),
      cacheDir: join(ROOT, '.cache', 'redis'),
      port: Number(new URL(world.redis.url).port),
    })
  }

  before(async () => {
    world = await startWorld()
    redis = world.redis
    await world.start('supervisor')
    for (const name of STAGES) stages.push(await world.start(name))
    credit(1)
    await paid()
  })

  after(async () => {
    await world?.stop()
    await redis?.stop()
  })

  it('consumes again by itself after Redis was killed and down for 20 s, and pays each credit once', async () => {
    credit(2)
    await killRedis()
    credit(2)
    await sleep(OUTAGE_MS)
    await startAgain()
    credit(1)
    await paid()
    await expectExact()
  })

  it('goes on when Redis comes back with nothing of what it held', async () => {
    credit(1)
    await killRedis()
    rmSync(join(world.dataDir, 'redis'), { recursive: true })
    credit(1)
    await startAgain()
    expect(await dbSize(redis.url)).to.be.below(200)
    await paid()
    await expectExact()
  })

  it('ends a process with 1 when Redis answers and its stage is handed no job', async () => {
    setLiveness(world, LIVENESS_MS)
    const connection = new Client(redis.url)
    const queue = new Queue(QUEUE_OF_STAGE.ingest, { connection, prefix: prefixOf(world.config.shard) })
    await queue.pause()
    const startedAtMs = performance.now()
    const ended = once(await world.start('ingest'), 'exit')
    expect(await connection.ping()).to.equal('PONG')
    expect(await ended).to.deep.equal([1, null])
    expect(performance.now() - startedAtMs, 'no sooner than it may').to.be.at.least(LIVENESS_MS)
    credit(1)
    await queue.resume()
    await queue.close()
    connection.disconnect()
    await paid()
    await expectExact()
  })
})

/** Read by processes that start from here on. */
function setLiveness(world: World, livenessMs: number): void {
  const path = join(world.dataDir, 'host.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), livenessMs }))
}

async function dbSize(url: string): Promise<number> {
  const client = new Client(url)
  try {
    return await client.dbsize()
  } finally {
    client.disconnect()
  }
}
