import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { LIVENESS_MS } from '../../host/config.ts'
import { CANARY_QUEUE, PING_JOB, prefixOf } from '../../queues/names.ts'
import { arm, CELL_MS_MAX, died, endOf } from './disk/child.ts'
import { Machine } from './disk/machine.ts'
import { CANARY_STEP, chainStep, FAULTS, type Fault, faultsAt, orderOf, STAGE_STEPS, type Step } from './disk/steps.ts'

/** Redis answers nobody for so long: longer than any of BullMQ's delays here, and past a minute where there is time for every cell. */
const FROZEN_MS = process.env['CRASH_CELLS'] === 'all' ? LIVENESS_MS + 10_000 : 15_000

/** A step that names itself and needs no stage to be told: the workers are the production process as it is. */
const RUNG_STEPS = STAGE_STEPS.filter(({ name }) => name === 'the note of a settlement').map(
  ({ scene, ...step }) => step,
)

const TITLES: { readonly [F in Fault]: (name: string) => string } = {
  before: (name) => `pays each credit once, rung by Redis, when the workers die before ${name}`,
  after: (name) => `pays each credit once, rung by Redis, when the workers die right after ${name}`,
  torn: (name) => `pays each credit once, rung by Redis, when the workers die half way through ${name}`,
  lost: (name) => `pays each credit once, rung by Redis, when the power fails before the disk has ${name}`,
  repeated: (name) => `pays each credit once, rung by Redis, when the workers die twice right after ${name}`,
}
const CHAIN_TITLES: { readonly [F in Fault]: string } = {
  before: 'pays each credit once when the chain dies before it has written a commit',
  after: 'pays each credit once when the chain dies with a commit on its disk that nobody was told of',
  torn: 'pays each credit once when the chain dies half way through writing a commit',
  lost: 'pays each credit once when the disk of the chain loses a commit that was written and not synced',
  repeated: 'pays each credit once when the chain dies twice with a commit that nobody was told of',
}

describe('the real workers, rung by Redis, on a disk that fails', function () {
  this.timeout(CELL_MS_MAX)
  let machine: Machine

  before(async () => {
    machine = await Machine.start({ stalledIntervalMs: 500 })
    await machine.start('supervisor')
    await machine.start('workers')
    machine.credit()
    await machine.expectExact()
  })

  after(() => machine?.stop())

  async function strike(step: Step, fault: Fault, bringAbout: () => unknown): Promise<void> {
    await arm(machine.child('workers'), orderOf(step, fault, machine.pidsBeside('workers')))
    await bringAbout()
    await died(machine.child('workers'), TITLES[fault](step.name))
    if (fault === 'lost') await machine.start('supervisor')
    await machine.start('workers')
  }

  async function expectCell(step: Step, fault: Fault, bringAbout: () => unknown): Promise<void> {
    await strike(step, fault, bringAbout)
    if (fault === 'repeated') await strike(step, fault, bringAbout)
    if (fault === 'lost') await machine.expectNextCommit()
    await machine.expectExact()
  }

  for (const [at, step] of RUNG_STEPS.entries()) {
    for (const fault of faultsAt(FAULTS, at))
      it(TITLES[fault](step.name), () => expectCell(step, fault, () => machine.credit()))
  }

  for (const fault of faultsAt(FAULTS, 1)) {
    it(TITLES[fault](CANARY_STEP.name), async () => {
      machine.credit()
      await expectCell(CANARY_STEP, fault, () => ping(machine))
    })
  }

  for (const fault of faultsAt(FAULTS, 2)) {
    it(CHAIN_TITLES[fault], async () => {
      for (let blow = 0; blow < (fault === 'repeated' ? 2 : 1); blow++) {
        await machine.chain.stop()
        await machine.startChain(orderOf(chainStep(machine.world.config.anchor), fault, []))
        machine.credit()
        await machine.chain.ended
        await machine.startChain()
      }
      await machine.expectExact()
    })
  }

  it('pays each credit once when Redis answers nobody for a while and then goes on', async () => {
    const pid = machine.world.redis.pid ?? 0
    process.kill(pid, 'SIGSTOP')
    machine.credit()
    await sleep(FROZEN_MS)
    process.kill(pid, 'SIGCONT')
    machine.credit()
    if (FROZEN_MS > LIVENESS_MS) await restartWorkers()
    await machine.expectExact()
  })

  /** A process that was handed no job for long ends itself with 1, and whoever started it starts it again. */
  async function restartWorkers(): Promise<void> {
    expect(await endOf(machine.child('workers'), 'workers without a job')).to.equal(1)
    await machine.start('workers')
  }

  it('pays each credit once when Redis forgets everything under workers that live', async () => {
    machine.credit()
    const connection = new Redis(machine.world.redis.url)
    await connection.flushall()
    machine.credit()
    await connection.flushall()
    connection.disconnect()
    await machine.expectExact()
  })
})

/** One canary out of turn. */
async function ping({ world }: Machine): Promise<void> {
  const connection = new Redis(world.redis.url)
  const queue = new Queue(CANARY_QUEUE, { connection, prefix: prefixOf(world.config.shard) })
  await queue.add(PING_JOB, { shard: world.config.shard })
  await queue.close()
  connection.disconnect()
}
