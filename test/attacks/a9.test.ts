import { strict as assert } from 'node:assert'
import { halts } from './confirm-stage.ts'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

/** `orch-5` is not known to Livepeer: his ticket fails and has to be skipped. */
describe('A9: a host that reports a payout as paid which was not', () => {
  const stage = useStage({ strangers: 1 })

  /** Two payouts, the second skipped: the chain's bitmap is 0b01. */
  async function paidOneOfTwo() {
    const boot = await stage().active()
    await boot.credit('0.5', 'orch-0', 'orch-5')
    await boot.prepare()
    const commit = await boot.resign({ skip: [1] })
    const { landed, bitmap } = await stage().send(commit)
    assert.deepEqual({ landed, bitmap }, { landed: true, bitmap: 0b01n })
    return { boot, commit, stored: [...boot.kept] }
  }

  it('can land no further commit of that history, which halts', async () => {
    const { boot, commit } = await paidOneOfTwo()
    await boot.confirm(commit.sequence, 0b11n)
    await boot.credit('0.5', 'orch-1')
    reverted(await stage().send(await boot.prepare()), 'AnchorStaleHead')
    assert.equal(await stage().outflowWei(), ETHER_WEI / 2n)
    await halts(stage(), boot)
  })

  it('finds the robbed payee’s balance whole after a reload with the truth', async () => {
    const { boot, commit, stored } = await paidOneOfTwo()
    await boot.confirm(commit.sequence, 0b11n)
    await boot.kill()
    const again = await stage().reloaded(stored)
    const { balance_wei, paid_wei } = await again.call('balance', { orchestrator_id: 'orch-5' })
    assert.deepEqual({ balance_wei, paid_wei }, { balance_wei: ETHER_WEI / 2n, paid_wei: 0n })
    await again.credit('0.5', 'orch-1')
    await stage().pay(again)
    await stage().audits(again)
  })
})
