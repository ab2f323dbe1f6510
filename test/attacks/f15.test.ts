import { strict as assert } from 'node:assert'
import { useGovernedStage } from './governed.ts'
import { asks, DAY_SECONDS } from './guardian.ts'
import { askRotation, drawKeys, guardianApproves, takeOver } from './rotation.ts'
import { ETHER_WEI } from './stage.ts'
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

  it('is a way out after seven days: the guardian’s new authority goes on, and what was in flight lands nowhere', async () => {
    const old = stage().keys
    const { boot, commit } = await frozen()
    await boot.kill()
    const keys = await drawKeys(stage())
    await stage().node.pass(7 * DAY_SECONDS + 60)
    assert.equal(await asks(stage(), stage().guardian(), ['guardianRotate', keys.address]), 'landed')
    reverted(await stage().relay(commit), 'AnchorNoSession')
    await takeOver(stage(), keys)
    const successor = await stage().reloaded(boot.kept)
    reverted(await stage().relay(commit), 'AnchorWrongEpoch')
    await stage().pay(successor)
    assert.equal((await stage().audits(successor)).paidWei, ETHER_WEI)
    stage().keys = old
  })
})

describe('F15: a freeze while the ledger is handed over', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('holds the rotation up, which lands when it is taken back', async () => {
    const boot = await stage().active()
    const keys = await drawKeys(stage())
    const rotation = await askRotation(stage(), boot, 2, keys.address)
    await guardianApproves(stage(), keys.address)
    assert.equal(await asks(stage(), stage().guardian(), ['freeze']), 'landed')
    reverted(await stage().relay(rotation), 'AnchorFrozen')
    assert.equal(await asks(stage(), stage().guardian(), ['unfreeze']), 'landed')
    assert.equal((await stage().relay(rotation)).landed, true)
  })
})
