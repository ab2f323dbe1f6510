import { strict as assert } from 'node:assert'
import { asks, DAY_SECONDS } from './guardian.ts'
import { reverted, useStage } from './use-stage.ts'

describe('F15: a freeze by mistake, or a guardian who is lost in it', () => {
  const stage = useStage()

  /** A commit in flight when the anchor is frozen. */
  async function frozen() {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const commit = await boot.prepare()
    assert.equal(await asks(stage(), stage().guardian(), ['freeze']), 'landed')
    reverted(await stage().relay(commit), 'AnchorFrozen')
    return { boot, commit }
  }

  it('is taken back: the commit that was in flight lands after it', async () => {
    const { boot, commit } = await frozen()
    assert.equal(await asks(stage(), stage().guardian(), ['unfreeze']), 'landed')
    assert.equal((await stage().relay(commit)).bitmap, 1n)
    await boot.confirm(commit.sequence, 1n)
    await stage().audits(boot)
  })

  it('ends by itself after thirty days', async () => {
    const { boot, commit } = await frozen()
    await stage().node.pass(30 * DAY_SECONDS - 60)
    reverted(await stage().relay(commit), 'AnchorFrozen')
    await stage().node.pass(120)
    assert.equal((await stage().relay(commit)).landed, true)
    await boot.confirm(commit.sequence, 1n)
    await stage().audits(boot)
  })

  it('keeps no restart from its session, which then goes on where it was', async () => {
    const { boot } = await frozen()
    await boot.kill()
    const again = await stage().reloaded(boot.kept)
    const commit = await again.prepare()
    reverted(await stage().relay(commit), 'AnchorFrozen')
    assert.equal(await asks(stage(), stage().guardian(), ['unfreeze']), 'landed')
    assert.equal((await stage().relay(commit)).bitmap, 1n)
    await again.confirm(commit.sequence, 1n)
    await stage().audits(again)
  })
})
