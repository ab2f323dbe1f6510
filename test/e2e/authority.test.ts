import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Authority, eventLines, SETTLED_MS_MAX, STAGES, said, startAuthority } from './authority-world.ts'
import { typed } from './cli-run.ts'
import { ether, lineOf, until } from './pipeline-world.ts'

const WORLD_MS_MAX = 180_000

describe('The authority of a signed ledger, from the command line', function () {
  this.timeout(WORLD_MS_MAX)
  let stage: Authority
  let report: (...words: string[]) => ReturnType<Authority['ask']>
  let paidWei = 0n

  before(async function () {
    this.timeout(WORLD_MS_MAX)
    stage = await startAuthority()
    const { world, people } = stage
    report = (...words) => stage.ask('report', ...words, '--key-file', people.reporter.keyFile)
    await world.start('supervisor')
    await until('active', async () => ((await world.status())?.phase === 'active' ? true : undefined), SETTLED_MS_MAX)
    for (const name of STAGES) await world.start(name)
  })
  after(async () => stage?.world.stop())

  const act = async (name: string, ...words: string[]) => {
    const file = join(stage.world.dataDir, `${name}.json`)
    const proposed = await stage.ask('admin', name, 'propose', '--out', file, ...words)
    expect(proposed.exit, JSON.stringify(proposed)).to.equal(0)
    return file
  }

  it('prints what a report would sign, and signs nothing', async () => {
    const file = stage.put('events.jsonl', eventLines(1, 9, '0.05'))
    const dry = await report(file, '--dry-run', '--batch')
    expect([dry.dryRun, dry.credits.length, dry.sumWei]).to.deep.equal([true, 9, ether('0.45').toString()])
    expect((await report('status')).nextSeq).to.equal(1)
  })

  it('takes a batch of signed credits, pays them, and calls them final when a final commit covers them', async () => {
    const file = join(stage.world.dataDir, 'events.jsonl')
    expect(await report(file, '--batch')).to.include({ exit: 0, added: 9, sent: 9, nextSeq: 10 })
    expect(await report(file, '--batch')).to.include({ exit: 0, added: 0, sent: 0, nextSeq: 10 })
    paidWei += ether('0.45')
    await stage.paid(paidWei)
    await until(
      'the receipts are final',
      async () => ((await report('status')).finalSeq === 9 ? true : undefined),
      SETTLED_MS_MAX,
    )
  })

  it('takes single credits from standard input of a file, and says by its code what it refuses', async () => {
    const strange = { orchestratorId: 'orch-0', amount: '0.05', eventId: 'strange', workHash: `0x${'ab'.repeat(32)}` }
    const line = JSON.stringify({ ...strange, recipient: `0x${'ee'.repeat(20)}` })
    const answer = await report(stage.put('more.jsonl', `${eventLines(10, 2, '0.05')}${line}\n`))
    expect(answer).to.deep.include({ exit: 1, sent: 3, refused: [{ rseq: 12, code: 'RECIPIENT_MISMATCH' }] })
    paidWei += ether('0.1')
    await stage.paid(paidWei)
  })

  it('refuses a key that others may read, and an event that is none, before anything has a number', async () => {
    const loose = stage.put('loose.key', '1'.repeat(64))
    writeFileSync(loose, '1'.repeat(64))
    const { chmodSync } = await import('node:fs')
    chmodSync(loose, 0o644)
    const file = stage.put('bad.jsonl', `${eventLines(90, 1, '0.05')}{}\n`)
    expect((await stage.ask('report', file, '--key-file', loose)).code).to.equal('KEY_FILE')
    expect((await report(file)).code).to.equal('EVENT_INVALID')
    expect((await report('status')).file.nextSeq).to.equal(13)
  })

  it('goes on behind numbers that a reporter gives up', async () => {
    const { givenUp, nextSeq } = await report('skip', '--to', '20')
    expect([givenUp, nextSeq]).to.deep.equal([[{ fromSeq: 13, toSeq: 20 }], 21])
  })

  it('leaves the journal alone and says so, and no stage takes that for a fault', async () => {
    appendFileSync(stage.world.config.journal, lineOf('orch-0', '1', 1))
    expect(
      await stage.ask(
        'report',
        stage.put('live.jsonl', eventLines(21, 1, '0.05')),
        '--key-file',
        stage.people.reporter.keyFile,
      ),
    ).to.include({ sent: 1 })
    paidWei += ether('0.05')
    await stage.paid(paidWei)
    const status = await stage.ask('status')
    expect([status.flags, status.ledger.journalSize, status.ledger.credits]).to.deep.equal([[], 0, 'signed'])
    expect((await typed(['status', '--data', stage.world.dataDir])).out).to.contain('takes credits that reporters sign')
  })

  it('adjusts a balance by a quorum, once, and by nothing less', async () => {
    const propose = (id: string, ether: string) =>
      stage.ask('admin', 'adjust', 'propose', '--id', id, '--ether', ether, '--reason', 'x')
    expect((await propose('orch-l', '0.02')).code, 'mistyped').to.equal('ACCOUNT_UNKNOWN')
    for (const ether of ['0.0000000000000000001', '1,5', ''])
      expect((await propose('orch-1', ether)).code, ether).to.equal('ACT_INVALID')
    const file = await act('adjust', '--id', 'orch-1', '--ether', '0.02', '--reason', 'a stranded hour')
    const shown = await said(['admin', 'sign', file])
    expect(shown.value.words[0]).to.contain('add 0.02 ETH to the balance of "orch-1"')
    expect(shown.value.signers).to.deep.equal([])
    await stage.sign(file, 'admin3')
    expect((await stage.ask('admin', 'submit', file)).code).to.equal('ACT_INVALID')
    await stage.sign(file, 'admin1', 'other')
    expect(await stage.ask('admin', 'submit', file)).to.include({ exit: 0, act: 'adjust', adjustSeq: 1 })
    // Repeated at once it is answered as before; behind a commit that came in between its number is taken. It adds nothing.
    const again = await stage.ask('admin', 'submit', file)
    expect(again.adjustSeq === 1 || again.code === 'COUNTER_MISMATCH', JSON.stringify(again)).to.equal(true)
    paidWei += ether('0.02')
    await stage.paid(paidWei)
  })

  it('refuses a file that shows one thing and signs another', async () => {
    const file = await act('drain', '--ether', '0.5')
    const honest = readFileSync(file, 'utf8')
    const bent = [
      honest.replace('"amountWei": "500000000000000000"', '"amountWei": "5000000000000000000"'),
      honest.replace('"amount": "500000000000000000"', '"amount": "5"'),
      honest.replace('"chainId": 42161', '"chainId": 1'),
      honest.replace('"drainSeq": 1', '"drainSeq": 2'),
    ]
    for (const text of bent) {
      expect(text).to.not.equal(honest)
      writeFileSync(file, text)
      expect(
        (await said(['admin', 'sign', file, '--key-file', stage.people.admin1.keyFile, '--yes'])).value.code,
      ).to.equal('ACT_INVALID')
    }
    writeFileSync(file, honest)
    await stage.sign(file, 'admin1')
    const signed = readFileSync(file, 'utf8')
    writeFileSync(file, signed.replace(stage.people.admin1.address, stage.people.admin2.address))
    expect((await said(['admin', 'sign', file])).value.code).to.equal('ACT_INVALID')
  })

  it('drains to the treasury owner by a quorum', async () => {
    const beyond = await stage.ask('admin', 'drain', 'propose', '--ether', '1000')
    expect(beyond.message, 'more than there is would stand before every creditor').to.contain('the treasury, or less')
    const file = await act('drain', '--ether', '0.5')
    await stage.sign(file, 'admin1', 'admin2')
    expect(await stage.ask('admin', 'submit', file)).to.include({ exit: 0, drainSeq: 1 })
    expect((await stage.ask('admin', 'submit', join(stage.world.dataDir, 'adjust.json'))).code).to.equal(
      'COUNTER_MISMATCH',
    )
    paidWei += ether('0.5')
    await stage.paid(paidWei)
  })

  it('pins a recipient by recipient and registrar, and changes it by both recipients', async () => {
    const { newcomer, other } = stage.people
    const file = join(stage.world.dataDir, 'register.json')
    const propose = ['--out', file, '--id', 'orch-new', '--recipient', newcomer.address]
    expect((await stage.ask('register', 'propose', ...propose)).exit).to.equal(0)
    await stage.sign(file, 'newcomer')
    expect((await stage.ask('register', 'submit', file)).code).to.equal('REGISTRATION_DENIED')
    // One who is none signs first, and stands before the registrar.
    await stage.sign(file, 'admin3', 'registrar')
    expect(await stage.ask('register', 'submit', file)).to.include({ exit: 0, regSeq: 1, recipient: newcomer.address })
    expect(await stage.ask('balance', 'orch-new')).to.include({ recipient: newcomer.address, registration_seq: 1 })
    const change = join(stage.world.dataDir, 'change.json')
    await stage.ask('change-recipient', 'propose', '--out', change, '--id', 'orch-new', '--to', other.address)
    await stage.sign(change, 'other')
    const early = await stage.ask('change-recipient', 'submit', change)
    expect(early.message).to.contain(`a signature by ${newcomer.address}, or by 2 admins in its place`)
    await stage.sign(change, 'newcomer')
    expect((await stage.ask('change-recipient', 'submit', change)).exit).to.equal(0)
    expect((await stage.ask('balance', 'orch-new')).pending_recipient.recipient).to.equal(other.address)
    const seen = (await typed(['balance', 'orch-new', '--data', stage.world.dataDir])).out
    expect(seen).to.match(new RegExp(`changes to.*${other.address} after commit \\d+ and 20`))
  })

  it('replaces the policy by a quorum, and the host goes by the new one', async () => {
    const { policy } = JSON.parse(readFileSync(join(stage.world.dataDir, 'genesis.json'), 'utf8'))
    const file = await act(
      'policy',
      '--policy',
      stage.put('next-policy.json', JSON.stringify({ ...policy, quorum: 3 })),
    )
    await stage.sign(file, 'admin2', 'admin3')
    const done = await stage.ask('admin', 'submit', file)
    expect(done, JSON.stringify(done)).to.include({ exit: 0, policyVersion: 2 })
    const { troubles } = await stage.ask('status')
    expect(troubles.filter(({ code }: { code: string }) => code === 'POLICY')).to.deep.equal([])
    const drain = await act('drain', '--ether', '0.1')
    await stage.sign(drain, 'admin1', 'admin2')
    expect((await stage.ask('admin', 'submit', drain)).code).to.equal('ACT_INVALID')
  })

  it('leaves a log with which the auditor has no quarrel', async () => {
    await until(
      'the auditor has seen it',
      async () =>
        (await typed(['audit', 'verify', '--json', '--data', stage.world.dataDir])).code === 0 ? true : undefined,
      SETTLED_MS_MAX,
    )
  })
})
