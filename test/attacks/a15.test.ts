import { strict as assert } from 'node:assert'
import { useGovernedStage } from './governed.ts'
import { askRotation, drawKeys, guardianApproves, takeOver } from './rotation.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses, reverted } from './use-stage.ts'

describe('A15: an old and a new enclave on one ledger', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('never both pay: after the rotation nothing of the old one lands', async () => {
    const old = stage().keys
    const first = await stage().active()
    await first.credit('1', 'orch-0')
    const withheld = await first.prepare()
    await first.kill()
    const second = await stage().reloaded(first.kept)
    const keys = await drawKeys(stage())
    const rotation = await askRotation(stage(), second, 3, keys.address)
    await guardianApproves(stage(), keys.address)
    assert((await stage().send(rotation)).landed, 'the rotation lands')
    reverted(await stage().relay(withheld), 'AnchorNoSession')
    const clone = await stage().boot()
    const { head } = await stage().claim()
    await clone.load(second.kept, { head, epoch: 3, bitmap: null })
    reverted(await stage().relay(await clone.openSession()), 'AnchorBadSignature')
    await takeOver(stage(), keys)
    const successor = await stage().reloaded(second.kept)
    await stage().pay(successor)
    reverted(await stage().relay(withheld), 'AnchorWrongEpoch')
    assert.equal((await stage().audits(successor)).paidWei, ETHER_WEI)
    stage().keys = old
  })

  it('are not possible while a commit of the old one is on its way', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await boot.prepare()
    const keys = await drawKeys(stage())
    await refuses(askRotation(stage(), boot, 2, keys.address), 'COMMIT_UNLANDED')
  })

  it('leave nothing to the old one once it has signed itself away', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const keys = await drawKeys(stage())
    await askRotation(stage(), boot, 2, keys.address)
    await refuses(boot.prepare(), 'PHASE_FORBIDS')
  })
})
