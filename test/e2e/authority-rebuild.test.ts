import type { ChildProcess } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { listSnapshots } from '../../host/snapshots.ts'
import { type Authority, eventLines, SETTLED_MS_MAX, STAGES, startAuthority } from './authority-world.ts'
import { anchorhold } from './cli-run.ts'
import { ether, killWithEnclave, until } from './pipeline-world.ts'

const WORLD_MS_MAX = 240_000

describe('A ledger whose sealed records are lost', function () {
  this.timeout(WORLD_MS_MAX)
  let stage: Authority
  let supervisor: ChildProcess
  const report = (lines: string) =>
    stage.ask('report', stage.put('events.jsonl', lines), '--batch', '--key-file', stage.people.reporter.keyFile)
  const active = (what: string) =>
    until(what, async () => ((await stage.world.status())?.phase === 'active' ? true : undefined), SETTLED_MS_MAX)

  before(async function () {
    this.timeout(WORLD_MS_MAX)
    stage = await startAuthority()
    supervisor = await stage.world.start('supervisor')
    await active('the first session')
    for (const name of STAGES) await stage.world.start(name)
    await report(eventLines(1, 6, '0.05'))
    await stage.paid(ether('0.3'))
  })
  after(async () => stage?.world.stop())

  it('is not rebuilt while it runs', async () => {
    expect((await stage.ask('rebuild')).code).to.equal('PHASE_FORBIDS')
  })

  it('goes on from the public log and pays what is due, nothing twice', async () => {
    const { paths } = stage.world.config
    await killWithEnclave(stage.world, supervisor)
    rmSync(paths.sealed, { recursive: true })
    expect(await stage.ask('rebuild', '--start')).to.deep.include({ exit: 0, done: true })
    expect(await listSnapshots(paths)).to.have.length(1)
    supervisor = await stage.world.start('supervisor')
    await active('a session after the rebuilt one')
    await report(eventLines(1, 9, '0.05'))
    await stage.paid(ether('0.45'))
    expect((await stage.ask('balance', 'orch-0')).paid_wei).to.equal(ether('0.15').toString())
  })

  it('loads from its snapshot again and again, also past a damaged older chain', async () => {
    const { paths } = stage.world.config
    const boots = () => readdirSync(paths.sealed).filter((name) => name.endsWith('.json')).length
    const before = boots()
    await killWithEnclave(stage.world, supervisor)
    supervisor = await stage.world.start('supervisor')
    await active('another session')
    expect(boots()).to.be.above(before)
    await report(eventLines(10, 3, '0.05'))
    await stage.paid(ether('0.6'))
  })

  it('is rebuilt a second time, and what was sealed before is kept aside', async () => {
    await killWithEnclave(stage.world, supervisor)
    expect(await stage.ask('rebuild', '--start')).to.deep.include({ exit: 0, done: true })
    expect(readdirSync(join(stage.world.dataDir, 'sealed-aside'))).to.have.length(1)
    supervisor = await stage.world.start('supervisor')
    await active('a third life')
    await report(eventLines(13, 3, '0.05'))
    await stage.paid(ether('0.75'))
  })

  it('leaves a log with which the auditor has no quarrel after all that', async () => {
    const audit = await anchorhold(['audit', 'verify', '--json', '--data', stage.world.dataDir])
    expect(audit.code, audit.out + audit.err).to.equal(0)
  })
})
