import { strict as assert } from 'node:assert'
import { auditOf } from './audited-log.ts'
import { publishedEntries } from './published.ts'
import { useStage } from './use-stage.ts'

describe('A22: one log for the auditor and another for the orchestrator', () => {
  const stage = useStage()

  it('are told apart by the anchored root: of two logs of one size one is clean', async () => {
    const boot = await stage().active()
    const atSession = [...boot.kept]
    const clone = await stage().boot()
    await clone.load(atSession.slice(0, -1), { ...(await stage().claim()), epoch: 0 })
    await clone.tellLanded((await clone.openSession()).epoch)

    await boot.credit('1', 'orch-0')
    const told = await boot.prepare()
    assert.equal((await stage().relay(told)).landed, true)
    const { checkpoint } = await boot.confirm(told.sequence, 1n)
    await clone.credit('1', 'orch-1')
    const other = await clone.prepare()
    const shown = publishedEntries(clone, other)
    const anchored = publishedEntries(boot, told)
    assert.equal(shown.length, anchored.length)

    assert.deepEqual(await auditOf(stage(), 'anchored', anchored, checkpoint), { exit: 0, findings: [] })
    const { exit, findings } = await auditOf(stage(), 'shown', shown, checkpoint)
    assert.equal(exit, 1)
    const codes = findings.map(({ code, subject }) => `${code} ${subject}`)
    for (const field of ['logRoot', 'balanceRoot', 'header'])
      assert(codes.includes(`COMMIT_HEADER sequence 1 ${field}`), `${field}: ${codes.join(', ')}`)
  })
})
