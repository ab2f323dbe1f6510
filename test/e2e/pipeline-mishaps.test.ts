import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { parseCheckpoint, parseNote } from '../../enclave/protocol/note.ts'
import { openAuditLog } from '../../host/audit-log.ts'
import { hostConfigOf } from '../../host/config.ts'
import { openContext } from '../../host/context.ts'
import { openControl, PAUSED } from '../../host/control.ts'
import { openLog } from '../../host/log.ts'
import { openOutbox } from '../../host/outbox.ts'
import { superviseEnclave } from '../../host/supervisor.ts'
import { STAGES } from '../../queues/names.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import { chainOf, ether, PAYEES, startWorld, TREASURY_WEI, until, type World } from './pipeline-world.ts'

const SUITE_MS_MAX = 400_000
const PAID_MS_MAX = 120_000
const CREDIT = '0.01'

describe('the pipeline on a bad day', function () {
  this.timeout(SUITE_MS_MAX)
  let world: World

  before(async () => {
    // Funding, appointment and the first session are broadcasts 1 to 3 to the anchor, the first commit is 4.
    // Blocks are final two deep here, and so before the enclave is told.
    world = await startWorld({
      settings: { settleDepthBlocks: 4 },
      strangers: 1,
      faults: { dropAt: 4, doubleAt: 6, dropBy: 'answer' },
    })
    for (const name of ['supervisor', ...STAGES] as const) await world.start(name)
  })

  after(() => world?.stop())

  it('pays everybody else when one recipient is no transcoder, and gives that one the money back', async () => {
    world.credit(2, CREDIT)
    const wantedWei = BigInt(2 * PAYEES) * ether(CREDIT)
    const isPaid = async () => {
      const ledger = (await world.status())?.ledger
      return ledger?.paidWei === wantedWei && ledger.unlanded === null ? ledger : undefined
    }
    const ledger = await until('everybody else paid', isPaid, PAID_MS_MAX)
    const stranger = await world.enclave.call('balance', { orchestrator_id: `orch-${PAYEES}` })
    expect(stranger.balance_wei).to.equal(2n * ether(CREDIT))
    expect(ledger.reservedWei).to.equal(0n)
    expect(await treasuryWei(world)).to.equal(TREASURY_WEI - wantedWei)
  })

  it('lands a commit whose first broadcast was accepted and lost, with the same bytes', async () => {
    const first = await openOutbox(world.config.paths).read({ epoch: 1, sequence: 1 })
    expect(first.landed?.hash).to.equal(first.live?.hash)
    const faults = (await callRpc(world.chain.url, 'anchorhold_faults', [])) as readonly { readonly fault: string }[]
    expect(JSON.stringify(faults)).to.contain('drop')
  })

  it('publishes and archives commits, each with its checkpoint, whose blocks are final before they are settled', async () => {
    const outbox = openOutbox(world.config.paths)
    const isDone = async () => ((await outbox.open()).length === 0 ? true : undefined)
    await until('an empty outbox', isDone, PAID_MS_MAX)
    const { sequence = 0, epoch = 0 } = (await world.status())?.ledger ?? {}
    expect((await outbox.read({ epoch, sequence })).checkpoint).to.be.a('string')
    const landing = await chainOf(world).landingOf(sequence)
    expect((await openAuditLog(world.config.paths).published()).size).to.equal(landing?.logSize)
    expect(checkpointSize(world)).to.equal(landing?.logSize)
  })

  it('takes a broadcast that a stranger repeats for one', async () => {
    world.credit(1, CREDIT)
    const wantedWei = BigInt(3 * PAYEES) * ether(CREDIT)
    const isPaid = async () => ((await world.status())?.ledger?.paidWei === wantedWei ? true : undefined)
    await until('all paid', isPaid, PAID_MS_MAX)
    expect(await treasuryWei(world)).to.equal(TREASURY_WEI - wantedWei)
  })

  it('halts when a copy of the ledger takes the session, takes it back, and pays nothing twice', async () => {
    const control = openControl(world.config.paths)
    await control.set('prepare', PAUSED, 'a copy is taken', Date.now())
    const isQuiet = async () => {
      const ledger = (await world.status())?.ledger
      return ledger?.unlanded === null ? ledger : undefined
    }
    // A look that began before the pause may still sign one commit.
    await sleep(1_000)
    const before = await until('no commit on its way', isQuiet, PAID_MS_MAX)
    const copy = copyOf(world)
    const clone = superviseEnclave(copy)
    await clone.active
    await control.clear('prepare', Date.now())
    world.credit(1, CREDIT)
    const wantedWei = BigInt(4 * PAYEES) * ether(CREDIT)
    const isPaid = async () => {
      const ledger = (await world.status())?.ledger
      return ledger?.paidWei === wantedWei && ledger.unlanded === null ? ledger : undefined
    }
    const after = await until('all paid', isPaid, PAID_MS_MAX)
    await clone.stop()
    await copy.close()
    expect(after.epoch).to.be.at.least(before.epoch + 2)
    expect(await treasuryWei(world)).to.equal(TREASURY_WEI - wantedWei)
    expect(readFileSync(join(world.config.paths.control, 'operators.log'), 'utf8')).to.contain('another session')
  })
})

/** The whole data folder beside the first, with an enclave of its own: what a thief of the disk has. */
function copyOf(world: World) {
  const folder = join(world.dataDir, 'copy')
  for (const name of ['sealed', 'audit', 'outbox', 'keys', 'enclave.json', 'genesis.json', 'host.json']) {
    cpSync(join(world.dataDir, name), join(folder, name), { recursive: true })
  }
  const settings = JSON.parse(readFileSync(join(folder, 'host.json'), 'utf8'))
  const config = hostConfigOf(folder, { ...settings, enclaveEndpoint: `unix://${join(folder, 'enclave.sock')}` })
  return openContext(config, openLog({ level: process.env['PIPELINE_LOG'] ?? 'silent', name: 'copy' }))
}

function checkpointSize(world: World): number {
  return parseCheckpoint(parseNote(readFileSync(join(world.config.paths.audit, 'checkpoint'))).text).size
}

async function treasuryWei(world: World): Promise<bigint> {
  return (await chainOf(world).facts(world.authority)).treasuryWei
}
