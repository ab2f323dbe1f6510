import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { depositWei, lifted, redeem } from './ticket.ts'
import { useStage } from './use-stage.ts'

const TOO_LITTLE_GAS = 200_000n

for (const rules of ['v1', 'v2'] as const) {
  describe(`A7: a thief of tickets under broker rules ${rules}`, () => {
    const stage = useStage({ rules })

    /** A commit over half an ether for orch-0, not broadcast. */
    async function signed() {
      const boot = await stage().active()
      await boot.credit('0.5', 'orch-0')
      const atCredit = [...boot.kept]
      return { boot, atCredit, commit: await boot.prepare() }
    }

    it('redeems nothing with a ticket of a commit that was not mined, reverted or replaced', async () => {
      const { boot, commit } = await signed()
      const ticket = lifted(stage(), boot, commit)
      assert.equal(await redeem(stage(), ticket), 0n)
      assert.equal((await stage().relay(commit, TOO_LITTLE_GAS)).landed, false)
      assert.equal(await redeem(stage(), ticket), 0n)
      const replacement = await boot.resign()
      assert.equal((await stage().relay(replacement)).landed, true)
      assert.equal(await redeem(stage(), ticket), 0n)
      await boot.confirm(commit.sequence, 1n)
      await stage().audits(boot)
    })

    it('redeems nothing with a larger ticket that a rolled-back clone signed under the same number', async () => {
      const { boot, atCredit, commit } = await signed()
      const clone = await stage().boot()
      await clone.load(atCredit, await stage().claim())
      await clone.tellLanded((await clone.openSession()).epoch)
      await clone.credit('0.5', 'orch-0', 'orch-1')
      const larger = await clone.prepare()
      assert.deepEqual(larger.payouts[0], { ...commit.payouts[0], amountWei: ETHER_WEI })
      const strays = [0, 1].map((position) => lifted(stage(), clone, larger, position))
      assert.equal((await stage().relay(commit)).landed, true)
      for (const stray of strays) assert.equal(await redeem(stage(), stray), 0n)
      assert.equal(await depositWei(stage()), 0n)
      assert.equal(await stage().outflowWei(), ETHER_WEI / 2n)
      await boot.confirm(commit.sequence, 1n)
      await stage().audits(boot)
    })
  })
}
