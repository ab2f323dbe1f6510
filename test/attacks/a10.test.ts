import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const COMMITS = 4

describe('A10: a host that reports a payout as failed which was paid', () => {
  const stage = useStage()

  it('can land nothing that follows from it, and the payee is not paid twice', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const commit = await boot.prepare()
    const stored = [...boot.kept]
    assert.equal((await stage().send(commit)).bitmap, 1n)
    await boot.confirm(commit.sequence, 0n)
    const { balance_wei } = await boot.call('balance', { orchestrator_id: 'orch-0' })
    assert.equal(balance_wei, ETHER_WEI)

    const errors: (string | undefined)[] = []
    for (let at = 0; at < COMMITS; at++) {
      // By policy what failed waits some commits; these pay somebody else, and the host says that they did.
      await boot.credit('0.5', 'orch-1')
      const next = await boot.prepare()
      errors.push((await stage().send(next)).error)
      await boot.confirm(next.sequence, (1n << BigInt(next.payouts.length)) - 1n)
    }
    assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-0')), ETHER_WEI)
    assert.equal(errors[0], 'AnchorStaleHead')

    await boot.kill()
    const again = await stage().reloaded(stored)
    reverted(await stage().relay(commit), 'AnchorWrongEpoch')
    await stage().audits(again)
  })
})
