import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { donate, lifted, redeem } from './ticket.ts'
import { reverted, useStage } from './use-stage.ts'

const DUST_WEI = 1n

describe('A25: a stranger who burns a ticket with a gift of one wei', () => {
  const v1 = useStage({ rules: 'v1' })
  const v2 = useStage({ rules: 'v2' })

  it('delays the payee under rules v1, who gets the whole sum by the next ticket', async () => {
    const boot = await v1().active()
    await boot.credit('1', 'orch-0')
    const commit = await boot.prepare()
    await donate(v1(), DUST_WEI)
    assert.equal(await redeem(v1(), lifted(v1(), boot, commit)), DUST_WEI)
    reverted(await v1().relay(commit), 'AnchorTicketFailed')
    const without = await boot.resign({ skip: [0] })
    assert.equal((await v1().relay(without)).bitmap, 0n)
    await boot.confirm(commit.sequence, 0n)
    assert.equal(await v1().outflowWei(), 0n)
    const { balance_wei } = await boot.call('balance', { orchestrator_id: 'orch-0' })
    assert.equal(balance_wei, ETHER_WEI)

    for (let commits = 0; commits < 2; commits++) await v1().anchorBare(boot)
    const { commit: next } = await v1().pay(boot)
    assert.notEqual(next.payouts[0]?.payoutId, commit.payouts[0]?.payoutId)
    assert.equal(await v1().ticketsPaidWei(v1().recipientOf('orch-0')), ETHER_WEI + DUST_WEI)
    await v1().audits(boot)
  })

  it('burns nothing under rules v2, and the commit lands as it was signed', async () => {
    const boot = await v2().active()
    await boot.credit('1', 'orch-0')
    const commit = await boot.prepare()
    await donate(v2(), DUST_WEI)
    assert.equal(await redeem(v2(), lifted(v2(), boot, commit)), 0n)
    assert.equal((await v2().relay(commit)).bitmap, 1n)
    await boot.confirm(commit.sequence, 1n)
    await v2().audits(boot)
  })
})
