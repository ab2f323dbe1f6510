import { appendFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { bootEnclave } from '../../host/boot.ts'
import { openContext } from '../../host/context.ts'
import type { EnclaveClient } from '../../host/enclave-client.ts'
import { startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import { listSnapshots, SNAPSHOTS_KEPT } from '../../host/snapshots.ts'
import { lineOf, until } from '../e2e/pipeline-world.ts'
import { CELL_MS_MAX, died, endOf, onLyingDisk } from './disk/child.ts'
import { Machine, SETTLED_MS_MAX } from './disk/machine.ts'
import { FAULTS, type Fault, faultsAt, orderOf, SNAPSHOT_STEPS, type Step } from './disk/steps.ts'

const PROGRAM = join(import.meta.dirname, 'disk', 'snapshot-process.ts')
/** With ids of this length, more than a chunk of 256 KiB holds. */
const ACCOUNTS = 2_500
const ID_CHARACTERS = 100
const LINE_NUMBERS_FROM = 1_000_000

const TITLES: { readonly [F in Fault]: (name: string) => string } = {
  before: (name) => `keeps every snapshot that has a name whole when the process dies before ${name}`,
  after: (name) => `keeps every snapshot that has a name whole when the process dies right after ${name}`,
  torn: (name) => `keeps every snapshot that has a name whole when the process dies half way through ${name}`,
  lost: (name) => `keeps every snapshot that has a name whole when the power fails before the disk has ${name}`,
  repeated: (name) => `keeps every snapshot that has a name whole when two processes in a row die after ${name}`,
}

describe('snapshots of many accounts on a disk that fails', function () {
  this.timeout(CELL_MS_MAX)
  let machine: Machine
  /** Files of one whole snapshot. */
  let files = 0

  before(async () => {
    machine = await Machine.start()
    await machine.start('supervisor')
    await machine.start('stages')
    const strangers = Array.from({ length: ACCOUNTS }, (_, at) => `stranger-${at}`.padEnd(ID_CHARACTERS, '.'))
    const lines = strangers.map((id, at) => lineOf(id, '0.0001', LINE_NUMBERS_FROM + at))
    appendFileSync(machine.world.config.journal, lines.join(''))
    const isRead = async () => ((await machine.ledger())?.accounts ?? 0) > ACCOUNTS || undefined
    await until(`${ACCOUNTS} accounts`, isRead, SETTLED_MS_MAX)
    // One more than stay, each over another record.
    for (let count = 0; count <= SNAPSHOTS_KEPT; count++) await takeWhole()
    files = readdirSync((await snapshots()).at(-1)?.folder ?? '').length
  })

  after(() => machine?.stop())

  const snapshots = () => listSnapshots(machine.world.config.paths)
  const taker = (...order: Parameters<typeof onLyingDisk>[2][]) =>
    onLyingDisk(machine.world.dataDir, [PROGRAM, machine.world.dataDir], ...order)

  /** A snapshot is due when there is a record that the newest one has not. */
  async function writeRecords(): Promise<void> {
    const before = (await machine.world.status())?.nextRecord ?? 0
    machine.credit()
    const isWritten = async () => ((await machine.world.status())?.nextRecord ?? 0) > before || undefined
    await until('a new record', isWritten, SETTLED_MS_MAX)
  }

  async function takeWhole(): Promise<void> {
    await writeRecords()
    expect(await endOf(taker(), 'a snapshot')).to.equal(0)
  }

  async function strike(step: Step, fault: Fault): Promise<void> {
    const order = orderOf(step, fault, [...machine.pidsBeside('supervisor'), machine.child('supervisor').pid ?? 0])
    await died(taker(order), TITLES[fault](step.name))
    if (fault !== 'lost') return
    await Promise.all([machine.restart('supervisor'), machine.restart('stages')])
  }

  async function expectWhole(): Promise<void> {
    for (const { folder } of await snapshots()) expect(readdirSync(folder), folder).to.have.length(files)
    expect((await snapshots()).length).to.be.within(SNAPSHOTS_KEPT, SNAPSHOTS_KEPT + 2)
  }

  it('cuts a state of many accounts into several chunks, and keeps the newest final ones', async () => {
    expect(files).to.be.above(2)
    expect((await snapshots()).length).to.be.within(SNAPSHOTS_KEPT, SNAPSHOTS_KEPT + 1)
  })

  for (const [at, step] of SNAPSHOT_STEPS.entries()) {
    for (const fault of faultsAt(FAULTS, at)) {
      it(TITLES[fault](step.name), async () => {
        for (let blow = 0; blow < (fault === 'repeated' ? 2 : 1); blow++) {
          await writeRecords()
          await strike(step, fault)
        }
        await expectWhole()
        await takeWhole()
        await expectWhole()
      })
    }
  }

  it('brings a ledger of many accounts back from the chunks of the newest snapshot and the records after it', async () => {
    await machine.expectExact()
    const before = await machine.ledger()
    await machine.end('stages')
    await machine.end('supervisor')
    const newest = (await snapshots()).at(-1)
    const { sent, after } = await bootCounting()
    const chunks = readdirSync(newest?.folder ?? '').filter((name) => /^\d+$/.test(name)).length
    expect(chunks).to.be.above(1)
    expect(sent.records).to.equal(chunks + sent.next - ((newest?.record ?? 0) + 1))
    expect([after?.creditedWei, after?.paidWei, after?.accounts]).to.deep.equal([
      before?.creditedWei,
      before?.paidWei,
      before?.accounts,
    ])
    await Promise.all([machine.start('supervisor'), machine.start('stages')])
    machine.credit()
    await machine.expectExact()
  })

  /** A boot in this process, which counts what it sends. */
  async function bootCounting() {
    const context = openContext(machine.world.config, openLog({ level: 'silent', name: 'boot' }))
    const enclave = await startEnclave(context.config, context.log)
    const sent = { records: 0, next: 0 }
    const call: EnclaveClient['call'] = async (method, params, ...rest) => {
      if (method === 'load_state') sent.records += (params as { records?: readonly unknown[] }).records?.length ?? 0
      const answer = await context.enclave.call(method, params, ...rest)
      if (method === 'load_state') sent.next = (await context.enclave.call('status', {})).firstUnacknowledged
      return answer
    }
    await bootEnclave({ ...context, enclave: { ...context.enclave, call } })
    const after = (await context.enclave.call('status', {})).ledger
    await enclave.stop()
    await context.close()
    return { sent, after }
  }
})
