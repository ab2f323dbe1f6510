import { strict as assert } from 'node:assert'
import { auditOf } from './audited-log.ts'
import { publishedEntries } from './published.ts'
import { useStage } from './use-stage.ts'

describe('F17: two clones that are each told that their commit landed', () => {
  const stage = useStage()

  it('sign two checkpoints with one log key, and only the one beside the commit on chain is taken', async () => {
    const boot = await stage().active()
    const clone = await stage().boot()
    await clone.load(boot.kept.slice(0, -1), { ...(await stage().claim()), epoch: 0 })
    await clone.tellLanded((await clone.openSession()).epoch)

    await boot.credit('1', 'orch-0')
    const landed = await boot.prepare()
    assert.equal((await stage().relay(landed)).landed, true)
    const { checkpoint } = await boot.confirm(landed.sequence, 1n)
    await clone.credit('1', 'orch-1')
    const lied = await clone.prepare()
    const { checkpoint: other } = await clone.confirm(lied.sequence, 1n)
    assert.notEqual(other, checkpoint)

    const entries = publishedEntries(boot, landed)
    assert.deepEqual(await auditOf(stage(), 'true', entries, checkpoint), { exit: 0, findings: [] })
    const { exit, findings } = await auditOf(stage(), 'lied', entries, other)
    assert.equal(exit, 1)
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['CHECKPOINT_UNANCHORED'],
    )
  })
})
