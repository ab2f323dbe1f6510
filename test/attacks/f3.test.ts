import { strict as assert } from 'node:assert'
import { QUORUM } from '../builders/governors.ts'
import { type Boot, FEES } from './boot.ts'
import { EVE, useGovernedStage } from './governed.ts'
import { approval, askRotation, drawKeys, guardianApproves, takeOver } from './rotation.ts'
import { refuses, reverted } from './use-stage.ts'

describe('F3: a host that has the ledger signed over to a key of its own', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('gets no signature without a quorum', async () => {
    const boot = await stage().active()
    const { address } = await drawKeys(stage())
    for (const admins of [[], [EVE], QUORUM.slice(0, 1), [...QUORUM].reverse()])
      await refuses(askRotation(stage(), boot, 2, address, admins), 'QUORUM_INVALID')
  })

  it('gets none from an approval of another time: neither an early one nor one that is replayed', async () => {
    const boot = await stage().active()
    const { address } = await drawKeys(stage())
    await refuses(askRotation(stage(), boot, 3, address), 'ROTATION_INVALID')
    const once = await approval(stage(), boot, 2, address)
    const { at } = await boot.ledger()
    const late = await approval(stage(), boot, 2, address, QUORUM, at - 1)
    const asked = async (on: Boot, approved: typeof once) =>
      on.call('rotate', { ...approved, fees: FEES, accountNonce: (await stage().facts()).accountNonce })
    await refuses(asked(boot, late), 'SIGNATURE_EXPIRED')
    await boot.kill()
    const again = await stage().reloaded(boot.kept)
    await refuses(asked(again, once), 'ROTATION_INVALID')
    await refuses(asked(again, { ...once, epoch: 3 }), 'QUORUM_INVALID')
    assert.equal((await again.call('status', {})).phase, 'active')
  })

  it('lands none that the guardian did not approve, and one that he did', async () => {
    const old = stage().keys
    const boot = await stage().active()
    const keys = await drawKeys(stage())
    const rotation = await askRotation(stage(), boot, 2, keys.address)
    reverted(await stage().send(rotation), 'AnchorNotApproved')
    await guardianApproves(stage(), keys.address)
    assert.equal((await stage().relay(rotation)).landed, true)
    reverted(await stage().relay(rotation), 'AnchorNotApproved')
    await guardianApproves(stage(), keys.address)
    reverted(await stage().relay(rotation), 'AnchorWrongEpoch')
    await takeOver(stage(), keys)
    await stage().reloaded(boot.kept)
    stage().keys = old
  })
})
