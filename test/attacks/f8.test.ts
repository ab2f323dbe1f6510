import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

describe('F8: a host that reboots again and again without a commit', () => {
  const stage = useStage()

  it('does not freeze the ledger: after five idle boots a commit lands', async () => {
    let boot = await stage().active()
    await boot.credit('1', 'orch-0')
    for (let idle = 0; idle < 5; idle++) {
      await boot.kill()
      boot = await stage().reloaded(boot.kept)
    }
    assert.equal((await stage().facts()).epoch, 6)
    await stage().pay(boot)
    assert.equal((await stage().audits(boot)).paidWei, ETHER_WEI)
  })

  it('nor when the records of the idle boots are thrown away', async () => {
    const first = await stage().active()
    await first.credit('1', 'orch-0')
    await first.kill()
    for (let idle = 0; idle < 3; idle++) await (await stage().reloaded(first.kept)).kill()
    const boot = await stage().reloaded(first.kept)
    await stage().pay(boot)
    assert.equal((await stage().audits(boot)).paidWei, ETHER_WEI)
  })
})
