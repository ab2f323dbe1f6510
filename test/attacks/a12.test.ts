import { strict as assert } from 'node:assert'
import { REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'

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

  it('leaves the dropped tail to be seen by the reporter, who knows his own counter', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const { nextSeq } = await boot.call('reporter', { reporter: REPORTER.address })
    assert.equal(nextSeq, 2, 'the reporter has signed up to 2 and sees that 2 is not there')
  })
})
