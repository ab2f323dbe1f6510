import type { ChildProcess } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import type { StatusResult } from '../../enclave/protocol/method-results.ts'
import { type Wei, wei } from '../../enclave/protocol/money.ts'
import { parseCheckpoint, parseNote } from '../../enclave/protocol/note.ts'
import { openControl } from '../../host/control.ts'
import { STAGES } from '../../queues/names.ts'
import {
  chainOf,
  ether,
  kill,
  killWithEnclave,
  lineOf,
  PAYEES,
  type ProcessName,
  startWorld,
  TREASURY_WEI,
  until,
  type World,
} from './pipeline-world.ts'

const SUITE_MS_MAX = 400_000
const CREDIT = '0.01'
const PAID_MS_MAX = 120_000
const ALL: readonly ProcessName[] = ['supervisor', ...STAGES]

describe('the pipeline, with every part a process', function () {
  this.timeout(SUITE_MS_MAX)
  let world: World
  let creditedWei = 0n
  const running = new Map<ProcessName, ChildProcess>()

  const start = async (name: ProcessName) => void running.set(name, await world.start(name))
  const credit = (rounds: number) => {
    world.credit(rounds, CREDIT)
    creditedWei += BigInt(rounds * PAYEES) * ether(CREDIT)
  }
  const paid = () => until(`${creditedWei} wei paid`, () => settled(world, creditedWei), PAID_MS_MAX)

  before(async () => {
    world = await startWorld()
    for (const name of ALL) await start(name)
  })

  after(() => world?.stop())

  it('turns journal lines into settled payouts, and takes exactly their sum out of the treasury', async () => {
    credit(5)
    const { ledger } = await paid()
    expect(ledger?.creditedWei).to.equal(creditedWei)
    expect(await treasuryWei(world)).to.equal(TREASURY_WEI - creditedWei)
  })

  it('publishes a checkpoint that covers the final commit and no more than it', async () => {
    const published = await until('a checkpoint', async () => checkpointOf(world), PAID_MS_MAX)
    const landing = await chainOf(world).landingOf((await world.status())?.ledger?.sequence ?? 0)
    expect(published.size).to.be.at.most(landing?.logSize ?? 0)
    expect(published.size).to.be.above(0)
  })

  for (const name of STAGES) {
    it(`pays each credit once when ${name} is killed with SIGKILL while credits come in`, async () => {
      credit(2)
      await kill(running.get(name) as ChildProcess)
      credit(2)
      await start(name)
      await paid()
      expect(await treasuryWei(world)).to.equal(TREASURY_WEI - creditedWei)
    })
  }

  it('pays each credit once when the enclave and its supervisor are killed in the middle of a commit', async () => {
    // A commit may come and go between two looks: then there is another.
    const isOnItsWay = async () => {
      const ledger = (await world.status())?.ledger
      if (ledger?.unlanded === null && ledger.paidWei === creditedWei) credit(1)
      return ledger?.unlanded ?? undefined
    }
    await until('a commit on its way', isOnItsWay, PAID_MS_MAX)
    const epoch = (await world.status())?.ledger?.epoch ?? 0
    await killWithEnclave(world, running.get('supervisor') as ChildProcess)
    await start('supervisor')
    credit(1)
    const { ledger } = await paid()
    expect(ledger?.epoch).to.be.above(epoch)
    expect(await treasuryWei(world)).to.equal(TREASURY_WEI - creditedWei)
  })

  it('boots the enclave again by itself when only the enclave is killed', async () => {
    const pid = await until('the pid of the enclave', async () => enclavePid(running.get('supervisor')), PAID_MS_MAX)
    process.kill(pid, 'SIGKILL')
    credit(2)
    await paid()
    expect(await treasuryWei(world)).to.equal(TREASURY_WEI - creditedWei)
  })

  it('goes on by itself after FLUSHALL at any moment, and doubles nothing', async () => {
    const redis = new Redis(world.redis.url)
    credit(2)
    for (let flush = 0; flush < 5; flush++) {
      await redis.flushall()
      await sleep(200)
    }
    redis.disconnect()
    credit(2)
    await paid()
    expect(await treasuryWei(world)).to.equal(TREASURY_WEI - creditedWei)
  })

  it('pays once when each stage runs twice', async () => {
    const twins = await Promise.all(STAGES.map((name) => world.start(name)))
    credit(4)
    await paid()
    expect(await treasuryWei(world)).to.equal(TREASURY_WEI - creditedWei)
    await Promise.all(twins.map(kill))
  })

  it('leaves a line without its newline alone until the newline comes', async () => {
    const line = lineOf('orch-0', CREDIT, 1_000_000)
    const before = (await world.status())?.ledger?.journalSize
    appendFileSync(world.config.journal, line.slice(0, 40))
    await sleep(2_500)
    expect((await world.status())?.ledger?.journalSize).to.equal(before)
    appendFileSync(world.config.journal, line.slice(40))
    creditedWei += ether(CREDIT)
    await paid()
  })

  it('stops the intake with JOURNAL_FORK and the place when an old line was rewritten, and leaves the enclave active', async () => {
    credit(1)
    await paid()
    const text = readFileSync(world.config.journal, 'utf8')
    writeFileSync(world.config.journal, text.replace('"w-3"', '"w-X"'))
    credit(1)
    const control = openControl(world.config.paths)
    const flag = await until('a stop of the intake', () => control.flagOf('ingest'), PAID_MS_MAX)
    expect(flag.code).to.equal('JOURNAL_FORK')
    expect(flag.reason).to.match(/between lines \d+ and \d+|at or before line \d+/)
    expect((await world.status())?.phase).to.equal('active')
  })
})

async function settled(world: World, creditedWei: bigint): Promise<StatusResult | undefined> {
  const status = await world.status()
  const isDone = status?.ledger?.paidWei === creditedWei && status.ledger.unlanded === null
  return isDone ? status : undefined
}

async function treasuryWei(world: World): Promise<Wei> {
  return wei((await chainOf(world).facts(world.authority)).treasuryWei)
}

function checkpointOf(world: World) {
  try {
    return parseCheckpoint(parseNote(readFileSync(join(world.config.paths.audit, 'checkpoint'))).text)
  } catch {
    return undefined
  }
}

/** The child of a process, by /proc: the supervisor has one. */
function enclavePid(supervisor: ChildProcess | undefined): number | undefined {
  const pid = supervisor?.pid
  if (pid === undefined) return undefined
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? undefined : Number(text.split(' ')[0])
}
