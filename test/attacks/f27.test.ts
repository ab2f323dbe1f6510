import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { donate, lifted, redeem } from './ticket.ts'
import { useStage } from './use-stage.ts'

describe('F27: a stray of an older boot, burnt with one wei', () => {
  const stage = useStage({ rules: 'v1' })

  it('does not block the ticket of the same payout that the next boot signs', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const stored = [...boot.kept]
    const dropped = await boot.prepare()
    await boot.kill()

    const again = await stage().reloaded(stored)
    const commit = await again.prepare()
    assert.deepEqual(commit.payouts, dropped.payouts)
    await donate(stage(), 1n)
    assert.equal(await redeem(stage(), lifted(stage(), boot, dropped)), 1n)
    const { landed, bitmap } = await stage().relay(commit)
    assert.deepEqual({ landed, bitmap }, { landed: true, bitmap: 1n })
    assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-0')), ETHER_WEI + 1n)
    await again.confirm(commit.sequence, 1n)
    await stage().audits(again)
  })
})
