import type { ChildProcess } from 'node:child_process'
import { readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { openJournal } from '../../host/journal.ts'
import { indexFile } from '../../host/journal-index.ts'
import { type Authority, STAGES, startAuthority } from './authority-world.ts'
import { anchorhold } from './cli-run.ts'
import { ether, kill, lineOf, PAYEES, until } from './pipeline-world.ts'

const WORLD_MS_MAX = 240_000
const WAIT_MS_MAX = 60_000
const CREDIT = '0.001'
/** Enough lines for several marks of the index. */
const ROUNDS = 70

describe('A journal that lost lines after they were read', function () {
  this.timeout(WORLD_MS_MAX)
  let stage: Authority
  let ingest: ChildProcess
  let lines = 0

  before(async () => {
    stage = await startAuthority({ policy: { credits: 'host-trusted', cadenceSeconds: 3_600 } })
    const { world } = stage
    await world.start('supervisor')
    for (const name of STAGES.slice(1)) await world.start(name)
    ingest = await world.start('ingest')
    credit(ROUNDS)
    await paid()
  })
  after(() => stage?.world.stop())

  const text = () => readFileSync(stage.world.config.journal, 'utf8')
  const check = () => stage.ask('journal', 'check')

  function credit(rounds: number): void {
    stage.world.credit(rounds, CREDIT)
    lines += rounds * PAYEES
  }

  /** Each line that was ever written and is no filler has been paid, once. */
  const paid = () => stage.paid(BigInt(lines) * ether(CREDIT))

  const stopped = () =>
    until(
      'intake stops at the fork',
      async () => {
        const { flags } = await stage.ask('status')
        return flags.some(({ code }: { code: string }) => code === 'JOURNAL_FORK') ? true : undefined
      },
      WAIT_MS_MAX,
    )

  /** Three desks: proposed with the head that `journal` named, signed by two admins, submitted; then intake goes on. */
  async function reset(newHead: string): Promise<void> {
    const file = join(stage.world.dataDir, 'reset.json')
    await stage.ask('admin', 'journal-reset', 'propose', '--new-head', newHead, '--out', file)
    await stage.sign(file, 'admin2')
    expect((await stage.ask('admin', 'submit', file)).code).to.equal('ACT_INVALID')
    await stage.sign(file, 'admin3')
    expect(await stage.ask('admin', 'submit', file)).to.include({ exit: 0, journalHead: newHead })
    expect(await check()).to.include({ exit: 0, verdict: 'fits' })
    await stage.ask('resume', 'ingest')
  }

  /** What the running worker has kept of the file: marks along the new past, so that it goes on from its cursor. */
  async function readsOn(): Promise<void> {
    const { config } = stage.world
    const isKept = async () => {
      const marks = await indexFile(config.paths.journalIndex).load()
      const journal = openJournal(config.journal, { load: async () => marks, save: async () => undefined })
      return marks.length > 1 && (await journal.difference()) === undefined ? true : undefined
    }
    await until('an index of the journal that counts', isKept, WAIT_MS_MAX)
  }

  it('is the file that was read, as long as nobody touches it', async () => {
    expect(await check()).to.include({ exit: 0, verdict: 'fits', journalSize: lines, lines, agrees: lines })
    const untouched = text()
    expect(await stage.ask('journal', 'pad')).to.include({ exit: 0, verdict: 'fits' })
    expect(text()).to.equal(untouched)
  })

  it('is padded after a truncation, and counts again once a quorum has signed for its head', async () => {
    const whole = text().split(/(?<=\n)/)
    const kept = whole.slice(0, 100).join('')
    truncateSync(stage.world.config.journal, kept.length + 20)
    await stopped()
    expect(await check()).to.include({ exit: 1, verdict: 'short', lines: 100, partialBytes: 20, agrees: 100 })
    const padded = await stage.ask('journal', 'pad')
    expect(padded).to.include({ exit: 0, verdict: 'differs', lines })
    expect(text().slice(0, kept.length)).to.equal(kept)
    await reset(padded.newHead)
    credit(1)
    await paid()
    await readsOn()
  })

  it('goes on with a worker that starts anew', async () => {
    await kill(ingest)
    ingest = await stage.world.start('ingest')
    credit(1)
    await paid()
    await readsOn()
  })

  it('is not padded over lines that nobody has read, nor with lines that would be credited twice', async () => {
    const { journal } = stage.world.config
    const old = text().split(/(?<=\n)/)
    const fresh = Array.from({ length: 6 }, (_, at) => lineOf(`orch-${at % PAYEES}`, CREDIT, 9_000 + at)).join('')
    renameSync(journal, `${journal}.1`)
    writeFileSync(journal, `${old[3]}${fresh}`)
    await stopped()
    expect((await stage.ask('journal', 'pad')).message).to.contain('--fresh-from')
    expect((await stage.ask('journal', 'pad', '--fresh-from', '0')).message).to.contain('credited again')
    expect(text()).to.equal(`${old[3]}${fresh}`)
    writeFileSync(journal, fresh)
    expect((await stage.ask('journal', 'pad')).code).to.equal('JOURNAL_FORK')
    expect((await stage.ask('journal', 'pad', '--fresh-from', '7')).code).to.equal('JOURNAL_FORK')
    const before = (await check()).journalSize
    const padded = await stage.ask('journal', 'pad', '--fresh-from', '0')
    expect(padded, JSON.stringify(padded)).to.include({ exit: 0, verdict: 'differs', lines: before + 6 })
    expect(text().endsWith(fresh)).to.equal(true)
    await reset(padded.newHead)
    lines += 6
    await paid()
    await readsOn()
  })

  it('leaves a log with two resets, with which and with the journal the auditor has no quarrel', async () => {
    const audit = await anchorhold(['audit', 'verify', '--json', '--data', stage.world.dataDir])
    expect(audit.code, audit.out + audit.err).to.equal(0)
    const acts = JSON.parse(audit.out).ledger.acts as readonly { readonly kind: string }[]
    expect(acts.filter(({ kind }) => kind === 'reset')).to.have.length(2)
  })
})
