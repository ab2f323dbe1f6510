import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { depositWei, donate, lifted, redeem } from './ticket.ts'
import { reverted, useStage } from './use-stage.ts'

const GIFT_WEI = 7n

for (const rules of ['v1', 'v2'] as const) {
  describe(`A26: a stray ticket that waits for money under broker rules ${rules}`, () => {
    const stage = useStage({ rules, strangers: 1 })

    /** Two payouts, of which the second is to somebody whom Livepeer doesn't know; and the stray of another line. */
    async function onePayeeFails() {
      const boot = await stage().active()
      const atSession = [...boot.kept]
      await boot.credit('1', 'orch-0', 'orch-5')
      const commit = await boot.prepare()
      const clone = await stage().boot()
      await clone.load(atSession, await stage().claim())
      await clone.tellLanded((await clone.openSession()).epoch)
      await clone.credit('0.1', 'orch-1')
      return { boot, commit, stray: lifted(stage(), clone, await clone.prepare()) }
    }

    it('finds none when a ticket fails: the whole call is undone', async () => {
      const { commit, stray } = await onePayeeFails()
      reverted(await stage().relay(commit), 'AnchorTicketFailed')
      assert.equal(await redeem(stage(), stray), 0n)
      assert.equal(await stage().outflowWei(), 0n)
    })

    it('finds none when a ticket is skipped: it was not funded either', async () => {
      const { boot, commit, stray } = await onePayeeFails()
      const without = await boot.resign({ skip: [1] })
      const { landed, bitmap } = await stage().relay(without)
      assert.deepEqual({ landed, bitmap }, { landed: true, bitmap: 0b01n })
      assert.equal(await depositWei(stage()), 0n)
      assert.equal(await redeem(stage(), stray), 0n)
      await boot.confirm(commit.sequence, 0b01n)
      await stage().audits(boot)
    })

    it('takes no more than a donor gave, and nothing of the treasury', async () => {
      const { boot, commit, stray } = await onePayeeFails()
      await donate(stage(), GIFT_WEI)
      assert.equal((await stage().relay(await boot.resign({ skip: [1] }))).bitmap, 0b01n)
      assert.equal(await depositWei(stage()), GIFT_WEI)
      assert.equal(await redeem(stage(), stray), rules === 'v1' ? GIFT_WEI : 0n)
      assert.equal(await stage().outflowWei(), ETHER_WEI)
      await boot.confirm(commit.sequence, 0b01n)
      await stage().audits(boot)
    })
  })
}
