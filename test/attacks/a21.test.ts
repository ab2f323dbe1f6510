import { strict as assert } from 'node:assert'
import { auditOf } from './audited-log.ts'
import { publishedEntries } from './published.ts'
import { useStage } from './use-stage.ts'

describe('A21: a host that cuts the end of the log off', () => {
  const stage = useStage()

  it('is found out by the header that the log no longer reaches, and the whole log is clean', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const first = await boot.prepare()
    assert.equal((await stage().relay(first)).landed, true)
    const { checkpoint: older } = await boot.confirm(first.sequence, 1n)
    await boot.credit('1', 'orch-1')
    const second = await boot.prepare()
    assert.equal((await stage().relay(second)).landed, true)
    const { checkpoint: newest } = await boot.confirm(second.sequence, 1n)

    const whole = await auditOf(stage(), 'whole', publishedEntries(boot, second), newest)
    assert.deepEqual(whole, { exit: 0, findings: [] })
    const cut = await auditOf(stage(), 'cut', publishedEntries(boot, first), older)
    assert.equal(cut.exit, 1)
    assert.deepEqual(
      cut.findings.map(({ code, subject }) => `${code} ${subject}`),
      ['LOG_BEHIND sequence 2'],
    )
  })
})
