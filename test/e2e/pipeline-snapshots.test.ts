import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { bootEnclave } from '../../host/boot.ts'
import { type Context, openContext } from '../../host/context.ts'
import type { EnclaveClient } from '../../host/enclave-client.ts'
import { type EnclaveProcess, startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import { listSnapshots, snapshotIfDue } from '../../host/snapshots.ts'
import { openIngest } from '../../workers/1-ingest/worker.ts'
import { ether, PAYEES, startWorld, type World } from './pipeline-world.ts'

const SUITE_MS_MAX = 300_000
const CREDIT = '0.01'
const EVERY_RECORDS = 5

describe('snapshots of a real ledger', function () {
  this.timeout(SUITE_MS_MAX)
  let world: World
  let context: Context
  let enclave: EnclaveProcess
  let creditedWei = 0n
  /** Sealed records that the last boot sent to its enclave. */
  let sent = 0

  before(async () => {
    world = await startWorld()
    context = openContext(world.config, openLog({ level: 'silent', name: 'boot' }))
    await boot()
    await write(8)
    await take(context)
    await write(3)
  })

  after(async () => {
    await enclave?.stop()
    await context?.close()
    await world?.stop()
  })

  async function boot(): Promise<void> {
    enclave = await startEnclave(world.config, context.log)
    sent = 0
    const call: EnclaveClient['call'] = (method, params, ...rest) => {
      if (method === 'load_state') sent += (params as { records?: readonly unknown[] }).records?.length ?? 0
      return context.enclave.call(method, params, ...rest)
    }
    await bootEnclave({ ...context, enclave: { ...context.enclave, call } })
  }

  async function bootAgain(): Promise<void> {
    const before = (await context.enclave.call('status', {})).ledger
    process.kill(enclave.pid, 'SIGKILL')
    await enclave.ended
    await boot()
    const after = (await context.enclave.call('status', {})).ledger
    expect(after?.creditedWei).to.equal(creditedWei)
    expect(after?.journalHead).to.equal(before?.journalHead)
    expect(after?.accounts).to.equal(before?.accounts)
    // The opening of the next session is the only entry more.
    expect(after?.logSize).to.equal((before?.logSize ?? 0) + 1)
  }

  /** So many records of journal lines, by the real stage. */
  async function write(records: number): Promise<void> {
    const ingest = openIngest(context, async () => true)
    for (let record = 0; record < records; record++) {
      world.credit(1, CREDIT)
      creditedWei += BigInt(PAYEES) * ether(CREDIT)
      expect(await ingest.run()).to.equal('again')
    }
    await ingest.close()
  }

  async function take(from: Parameters<typeof snapshotIfDue>[0]): Promise<void> {
    await snapshotIfDue(from, await context.enclave.call('status', {}), EVERY_RECORDS)
  }

  const snapshots = () => listSnapshots(world.config.paths)
  const recordsAll = async () => (await context.enclave.call('status', {})).nextRecord

  it('takes none before so many records have come, and then one', async () => {
    expect(await snapshots()).to.have.length(1)
    await take(context)
    expect(await snapshots()).to.have.length(1)
    await write(1)
    await take(context)
    expect(await snapshots()).to.have.length(2)
  })

  it('sends the newest snapshot and only the records after it, and the ledger is the same', async () => {
    await write(3)
    const all = await recordsAll()
    const newest = (await snapshots()).at(-1)
    await bootAgain()
    expect(sent).to.equal(all - ((newest?.record ?? 0) + 1) + 1)
    expect(sent).to.be.below(all)
  })

  const damages: readonly (readonly [string, (folder: string) => void])[] = [
    ['has one bit flipped', flipBit],
    ['has lost its chunk', (folder) => rmSync(join(folder, '000000'))],
    ['holds the chunk twice', (folder) => writeFileSync(join(folder, '000001'), readFileSync(join(folder, '000000')))],
    ['is empty', (folder) => writeFileSync(join(folder, '000000'), '')],
  ]
  for (const [title, damage] of damages) {
    it(`loads the older snapshot and what follows it when the newest ${title}`, async () => {
      const [older, newest] = await snapshots()
      const all = await recordsAll()
      const kept = contentOf(newest?.folder ?? '')
      damage(newest?.folder ?? '')
      await bootAgain()
      restore(newest?.folder ?? '', kept)
      // What was refused was sent too; the load that counted ends with all records after the older snapshot.
      expect(sent).to.be.at.least(all - (older?.record ?? 0))
    })
  }

  it('loads every record from genesis on when all snapshots are broken, and without any', async () => {
    for (const { folder } of await snapshots()) flipBit(folder)
    await bootAgain()
    for (const { folder } of await snapshots()) rmSync(folder, { recursive: true })
    const all = await recordsAll()
    await bootAgain()
    expect(sent).to.equal(all)
  })

  it('leaves the old snapshot in use when a crash comes before the new one is whole, and takes the next', async () => {
    await take(context)
    const [old] = await snapshots()
    await write(EVERY_RECORDS)
    const crash = new Error('the process ends here')
    const dying = { ...context, records: { ...context.records, heal: () => Promise.reject(crash) } }
    expect(await take(dying).catch((error: unknown) => error)).to.equal(crash)
    expect(await snapshots()).to.deep.equal([old])
    expect(
      readdirSync(join(world.config.paths.sealed, 'snapshots')).filter((name) => /^draft-/.test(name)),
    ).to.have.length(1)
    const all = await recordsAll()
    await bootAgain()
    expect(sent).to.equal(all - (old?.record ?? 0))
    await write(1)
    await take(context)
    expect(await snapshots()).to.have.length(2)
  })
})

function flipBit(folder: string): void {
  const path = join(folder, '000000')
  const bytes = readFileSync(path)
  bytes[200] = (bytes[200] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

function contentOf(folder: string): ReadonlyMap<string, Buffer> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))
}

function restore(folder: string, content: ReadonlyMap<string, Buffer>): void {
  rmSync(folder, { recursive: true })
  mkdirSync(folder)
  for (const [name, bytes] of content) writeFileSync(join(folder, name), bytes)
}
