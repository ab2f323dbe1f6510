import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { main as audit, EXIT_CLEAN } from '../../auditor/main.ts'
import { type Context, openContext } from '../../host/context.ts'
import { openLog } from '../../host/log.ts'
import { type Supervisor, superviseEnclave } from '../../host/supervisor.ts'
import { STAGES, type Stage } from '../../queues/names.ts'
import { openIngest } from '../../workers/1-ingest/worker.ts'
import { openPrepare } from '../../workers/2-prepare/worker.ts'
import { openBroadcast } from '../../workers/3-broadcast/worker.ts'
import { openConfirm } from '../../workers/4-confirm/worker.ts'
import { ether, PAYEES, startWorld, TREASURY_WEI, until, type World } from './pipeline-world.ts'

const SUITE_MS_MAX = 400_000
const CREDIT = '0.01'
const PAID_MS_MAX = 120_000
const CRASH_MS_MAX = 120_000
const POLL_MS = 20

/** Each durable step of the three stages, with the process dead right before it and right after it. */
const POINTS: readonly (readonly [Stage, string, string])[] = [
  ['prepare', 'before sealed', 'after signing and before the sealed records'],
  ['prepare', 'after sealed', 'after the sealed records and before the public entries'],
  ['prepare', 'after entries', 'after the public entries and before they are acknowledged'],
  ['prepare', 'before attempt', 'after the records and before the attempt is in the outbox'],
  ['prepare', 'after attempt', 'after the attempt is in the outbox and before it is simulated'],
  ['prepare', 'before ready', 'after the simulation and before the attempt is marked ready'],
  ['prepare', 'after ready', 'after the attempt is marked ready and before anybody is rung'],
  ['broadcast', 'before send', 'before the first broadcast'],
  ['broadcast', 'after send', 'after the first broadcast'],
  ['confirm', 'before landed', 'before the landing is noted'],
  ['confirm', 'after landed', 'after the landing is noted'],
  ['confirm', 'before confirm_payout', 'before the enclave is told'],
  ['confirm', 'after confirm_payout', 'after the enclave was told and before its records are stored'],
  ['confirm', 'after records', 'after the records of the settlement and before its checkpoint'],
  ['confirm', 'after settled', 'after the checkpoint of the settlement'],
  ['confirm', 'before publish', 'before a final commit is published'],
  ['confirm', 'after publish', 'after a final commit is published and before it is archived'],
  ['confirm', 'after archive', 'after a final commit is archived'],
]

describe('a stage killed between two durable steps', function () {
  this.timeout(SUITE_MS_MAX)
  let world: World
  let context: Context
  let supervisor: Supervisor
  let stages: RunningStages
  let creditedWei = 0n

  before(async () => {
    world = await startWorld({ settings: { payoutIntervalMs: 0 } })
    context = openContext(world.config, openLog({ level: world.config.logLevel, name: 'stages' }))
    supervisor = superviseEnclave(context)
    await supervisor.active
    stages = runStages(context)
  })

  after(async () => {
    await stages?.stop()
    await supervisor?.stop()
    await context?.close()
    await world?.stop()
  })

  const ledgerNow = async () => (await world.status())?.ledger

  /** Leaves one stage to a process that dies at the point, then takes it back. */
  async function crash(stage: Stage, point: string): Promise<void> {
    await stages.without(stage)
    world.credit(1, CREDIT)
    creditedWei += BigInt(PAYEES) * ether(CREDIT)
    const words = [join(import.meta.dirname, 'crashing-stage.ts'), world.dataDir, stage, point]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit'], timeout: CRASH_MS_MAX })
    const [code, signal] = await once(child, 'exit')
    stages.withAll()
    expect([code, signal]).to.deep.equal([null, 'SIGKILL'])
  }

  for (const [stage, point, words] of POINTS) {
    it(`pays each credit once when ${stage} dies ${words}`, async () => {
      const epoch = (await ledgerNow())?.epoch
      await crash(stage, point)
      const isPaid = async () => {
        const ledger = await ledgerNow()
        return ledger?.paidWei === creditedWei && ledger.unlanded === null ? ledger : undefined
      }
      const ledger = await until(`${creditedWei} wei paid`, isPaid, PAID_MS_MAX)
      expect(ledger.epoch).to.equal(epoch)
      expect(ledger.reservedWei).to.equal(0n)
      expect((await context.chain.facts(world.authority)).treasuryWei).to.equal(TREASURY_WEI - creditedWei)
    })
  }

  it('leaves a public log in which the auditor finds nothing wrong, up to the newest commit', async () => {
    const sequence = (await ledgerNow())?.sequence ?? 0
    const landing = await context.chain.landingOf(sequence)
    const isPublished = async () =>
      (await context.audit.published()).size === landing?.logSize && (await context.outbox.open()).length === 0
        ? true
        : undefined
    await until('the newest commit published and archived', isPublished, PAID_MS_MAX)
    const { config, chain } = world
    const where = ['--rpc', chain.url, '--anchor', config.anchor, '--log', config.paths.audit]
    const said: string[] = []
    const say = (part: string) => void said.push(part)
    const code = await audit([...where, '--journal', config.journal, '--json'], { out: say, err: say })
    expect(code, said.join('')).to.equal(EXIT_CLEAN)
    const report = JSON.parse(said.join(''))
    expect(report.sequence).to.equal(sequence)
    expect(BigInt(report.ledger.paidWei)).to.equal(creditedWei)
    expect(readFileSync(config.journal, 'utf8').trimEnd().split('\n')).to.have.length(POINTS.length * PAYEES)
  })
})

type RunningStages = {
  /** Returns when this stage stands still here. */
  without(stage: Stage): Promise<void>
  withAll(): void
  stop(): Promise<void>
}

/** The four stages of production in a loop: who rings whom is another test's concern. */
function runStages(context: Context): RunningStages {
  const ring = async () => true
  const looks = {
    ingest: openIngest(context, ring),
    prepare: openPrepare(context, ring),
    broadcast: openBroadcast(context, ring),
    confirm: openConfirm(context, ring),
  }
  let [absent, isStopping]: [Stage | undefined, boolean] = [undefined, false]
  const run = async (stage: Stage): Promise<void> => {
    if (stage !== absent) await looks[stage].run().catch((error: unknown) => context.log.warn(String(error)))
  }
  let round: Promise<unknown> = Promise.resolve()
  const forever = (async () => {
    while (!isStopping) {
      round = Promise.all(STAGES.map(run))
      await round
      await sleep(POLL_MS)
    }
  })()
  return {
    without: async (stage) => {
      absent = stage
      await round
    },
    withAll: () => {
      absent = undefined
    },
    stop: async () => {
      isStopping = true
      await forever
      await looks.ingest.close()
    },
  }
}
