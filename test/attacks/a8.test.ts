import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { depositWei, donate, lifted, redeem } from './ticket.ts'
import { reverted, useStage } from './use-stage.ts'

const SHORT_WEI = ETHER_WEI / 10n

for (const rules of ['v1', 'v2'] as const) {
  describe(`A8: a short deposit under broker rules ${rules}`, () => {
    const stage = useStage({ rules })

    async function signed() {
      const boot = await stage().active()
      await boot.credit('1', 'orch-0')
      return { boot, recipient: stage().recipientOf('orch-0'), commit: await boot.prepare() }
    }

    it('does not shorten a payout: the call brings the whole face and leaves the gift alone', async () => {
      const { boot, recipient, commit } = await signed()
      await donate(stage(), SHORT_WEI)
      const { landed, bitmap } = await stage().relay(commit)
      assert.deepEqual({ landed, bitmap }, { landed: true, bitmap: 1n })
      assert.equal(await stage().ticketsPaidWei(recipient), ETHER_WEI)
      assert.equal(await depositWei(stage()), SHORT_WEI)
      await boot.confirm(commit.sequence, 1n)
      await stage().audits(boot)
    })

    if (rules === 'v1')
      it('never counts as paid when it was redeemed alone for a part of its face', async () => {
        const { boot, recipient, commit } = await signed()
        await donate(stage(), SHORT_WEI)
        assert.equal(await redeem(stage(), lifted(stage(), boot, commit)), SHORT_WEI)
        reverted(await stage().relay(commit), 'AnchorTicketFailed')
        const without = await boot.resign({ skip: [0] })
        assert.equal((await stage().relay(without)).bitmap, 0n)
        await boot.confirm(commit.sequence, 0n)
        const { balance_wei } = await boot.call('balance', { orchestrator_id: 'orch-0' })
        assert.equal(balance_wei, ETHER_WEI)
        // Back-off: a failed payout waits for other commits.
        for (let commits = 0; commits < 2; commits++) await stage().anchorBare(boot)
        await stage().pay(boot)
        assert.equal(await stage().ticketsPaidWei(recipient), ETHER_WEI + SHORT_WEI)
        await stage().audits(boot)
      })
  })
}
