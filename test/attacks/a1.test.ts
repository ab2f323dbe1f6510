import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { refuses, reverted, useStage } from './use-stage.ts'

describe('A1: an enclave restarted from an older blob', () => {
  const stage = useStage()

  /** One credit paid, and the blob from before the payout. */
  async function paidOnce() {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const older = [...boot.kept]
    const before = await stage().claim()
    await stage().pay(boot)
    return { boot, older, before }
  }

  it('is not loaded at all under the true head of the chain', async () => {
    const { older, boot } = await paidOnce()
    await boot.kill()
    const again = await stage().boot()
    await refuses(again.load(older, await stage().claim()), 'CLAIM_MISMATCH')
  })

  it('opens no session and pays nobody a second time when the host lies about the head', async () => {
    const { older, before, boot } = await paidOnce()
    await boot.kill()
    const again = await stage().boot()
    await again.load(older, { ...before, epoch: (await stage().claim()).epoch })
    const opened = await again.openSession()
    reverted(await stage().send(opened), 'AnchorStaleHead')
    await again.tellLanded(opened.epoch)
    reverted(await stage().send(await again.prepare()), 'AnchorWrongEpoch')
    assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-0')), ETHER_WEI)
    await stage().audits(boot)
  })

  it('goes on when it is restarted from the newest blob instead', async () => {
    const { boot } = await paidOnce()
    await boot.kill()
    const again = await stage().reloaded(boot.kept)
    await again.credit('2', 'orch-1')
    await stage().pay(again)
    assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-1')), ETHER_WEI)
    await stage().audits(again)
  })
})
