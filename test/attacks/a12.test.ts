import { strict as assert } from 'node:assert'
import { reportOf } from './audited-log.ts'
import { REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { publishedEntries } from './published.ts'

describe('A12: a host that never forwards a credit', () => {
  const stage = useGovernedStage()

  it('gets nothing accepted behind the one that it dropped', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const { outcomes } = await boot.call('credit_signed', { credits: [by.credit(REPORTER, 3), by.credit(REPORTER, 4)] })
    assert.deepEqual(
      outcomes.map((outcome) => [outcome.kind, outcome.kind === 'gap' ? outcome.expected : 0]),
      [
        ['gap', 2],
        ['gap', 2],
      ],
    )
    assert.deepEqual(await boot.call('credit_batch', by.batch(REPORTER, 3, [{}])), { kind: 'gap', expected: 2 })
    await stored(boot, 'credit_signed', { credits: [2, 3, 4].map((rseq) => by.credit(REPORTER, rseq)) })
    await stage().pay(boot)
    await stage().audits(boot)
  })

  it('cannot hide the tail that it dropped: beside the reporter’s own counter the auditor sees the lag', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    // He has signed three, and one of them was forwarded.
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const { nextSeq } = await boot.call('reporter', { reporter: REPORTER.address })
    assert.equal(nextSeq, 2)
    const commit = await boot.prepare()
    assert.equal((await stage().relay(commit)).landed, true)
    const { checkpoint } = await boot.confirm(commit.sequence, 1n)
    const published = { entries: publishedEntries(boot, commit), checkpoint }

    const answers: string[][] = []
    for (const next of [2, 4, 1]) {
      const counter = ['--reporter', `${REPORTER.address}=${next}`]
      const { exit, findings, notices } = await reportOf(stage(), `next-${next}`, published, ...counter)
      const about = [...findings, ...notices].filter(({ subject }) => subject === `reporter ${REPORTER.address}`)
      answers.push([`exit ${exit}`, ...about.map(({ code }) => code)])
    }
    assert.deepEqual(answers, [['exit 0'], ['exit 0', 'REPORTER_LAG'], ['exit 1', 'REPORTER_AHEAD']])
  })
})
