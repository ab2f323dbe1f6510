import { strict as assert } from 'node:assert'
import type { Boot } from './boot.ts'
import { confirmDecision } from './confirm-stage.ts'
import { useStage } from './use-stage.ts'

describe('G11: a copy that somebody else relays first', () => {
  const stage = useStage()

  it('makes our own revert, and the commit counts as landed all the same', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const commit = await boot.prepare()
    assert.equal((await stage().relay(commit)).landed, true)
    assert.equal((await stage().send(commit)).error, 'AnchorWrongSequence')
    assert.equal((await confirmDecision(stage(), boot)).kind, 'settle')
    await boot.confirm(commit.sequence, 1n)
    await stage().pay(await credited(boot))
    await stage().audits(boot)
  })

  it('is no excuse for a commit of somebody else: that history is foreign', async () => {
    const boot = await stage().active()
    const stored = [...boot.kept]
    await boot.credit('1', 'orch-0')
    await boot.prepare()
    const other = await stage().reloaded(stored)
    await other.credit('0.5', 'orch-1')
    await stage().pay(other)
    assert.equal((await confirmDecision(stage(), boot)).kind, 'foreign')
  })

  async function credited(boot: Boot): Promise<Boot> {
    await boot.credit('1', 'orch-1')
    return boot
  }
})
