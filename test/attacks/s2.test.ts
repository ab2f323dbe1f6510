import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { refuses, reverted, useStage } from './use-stage.ts'

describe('S2: a host that begins the ledger again from nothing', () => {
  const stage = useStage()

  it('opens no session on an anchor that has a head, and has nothing credited again', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    await boot.kill()

    const again = await stage().boot()
    await again.begin(stage().genesis, (await stage().claim()).epoch)
    await refuses(again.credit('1', 'orch-0'), 'PHASE_FORBIDS')
    const opened = await again.openSession()
    reverted(await stage().send(opened), 'AnchorStaleHead')

    await again.tellLanded(opened.epoch)
    await again.credit('1', 'orch-0')
    reverted(await stage().send(await again.prepare()), 'AnchorWrongEpoch')
    assert.equal(await stage().outflowWei(), ETHER_WEI)
    await stage().audits(boot)
  })

  it('opens none in the first epoch again either', async () => {
    const boot = await stage().active()
    await stage().anchorBare(boot)
    const again = await stage().boot()
    await again.begin(stage().genesis, 0)
    reverted(await stage().send(await again.openSession()), 'AnchorWrongEpoch')
  })
})
