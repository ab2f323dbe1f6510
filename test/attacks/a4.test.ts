import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

describe('A4: a host that holds a commit back and crashes', () => {
  const stage = useStage()

  it('can not land it once the next session is open, and its credits are paid once', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const withheld = await boot.prepare()
    await boot.credit('0.5', 'orch-1')
    await boot.kill()

    const again = await stage().reloaded(boot.kept)
    reverted(await stage().relay(withheld), 'AnchorWrongEpoch')
    const { bitmap } = await stage().pay(again)
    assert.equal(bitmap, 0b11n)
    reverted(await stage().relay(withheld), 'AnchorWrongEpoch')
    assert.equal(await stage().outflowWei(), (3n * ETHER_WEI) / 2n)
    await stage().audits(again)
  })

  it('may still land it while nobody has opened a session: then the reload settles it', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const withheld = await boot.prepare()
    await boot.kill()

    const { landed } = await stage().relay(withheld)
    assert.equal(landed, true)
    const again = await stage().reloaded(boot.kept)
    const { paid_wei } = await again.call('balance', { orchestrator_id: 'orch-0' })
    assert.equal(paid_wei, ETHER_WEI)
    await stage().audits(again)
  })
})
