import { strict as assert } from 'node:assert'
import { QUORUM } from '../builders/governors.ts'
import { EVE, useGovernedStage } from './governed.ts'
import { askRotation, drawKeys, guardianApproves, takeOver } from './rotation.ts'
import { refuses, reverted } from './use-stage.ts'

describe('F3: a host that has the ledger signed over to a key of its own', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('gets no signature without a quorum', async () => {
    const boot = await stage().active()
    const { address } = await drawKeys(stage())
    for (const admins of [[], [EVE], QUORUM.slice(0, 1), [...QUORUM].reverse()])
      await refuses(askRotation(stage(), boot, 2, address, admins), 'QUORUM_INVALID')
  })

  it('gets none from an approval of another time', async () => {
    const boot = await stage().active()
    const { address } = await drawKeys(stage())
    await refuses(askRotation(stage(), boot, 1, address), 'ROTATION_INVALID')
    await refuses(askRotation(stage(), boot, 3, address), 'ROTATION_INVALID')
  })

  it('lands none that the guardian did not approve, and one that he did', async () => {
    const old = stage().keys
    const boot = await stage().active()
    const keys = await drawKeys(stage())
    const rotation = await askRotation(stage(), boot, 2, keys.address)
    assert.equal((await stage().send(rotation)).landed, false)
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
