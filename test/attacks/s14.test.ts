import { strict as assert } from 'node:assert'
import { encodeFunctionData } from 'viem'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { WORLD, WORLD_ABI } from '../../scripts/chain/world.ts'
import { ETHER_WEI, ROUND_LENGTH_BLOCKS } from './stage.ts'
import { lifted, redeem } from './ticket.ts'
import { useStage } from './use-stage.ts'

const LONGER_ROUNDS = 90n

for (const rules of ['v1', 'v2'] as const) {
  describe(`S14: expired tickets that governance revives under broker rules ${rules}`, () => {
    const stage = useStage({ rules })

    it('move nothing, and the ledger stays as it is', async () => {
      const boot = await stage().active()
      const atSession = [...boot.kept]
      await boot.credit('1', 'orch-0')
      const clone = await stage().boot()
      await clone.load(atSession, await stage().claim())
      await clone.tellLanded((await clone.openSession()).epoch)
      await clone.credit('0.5', 'orch-1')
      const stray = lifted(stage(), clone, await clone.prepare())
      await stage().pay(boot)

      for (let rounds = 0; rounds < 3; rounds++) {
        await stage().node.skip(ROUND_LENGTH_BLOCKS)
        await stage().openRound()
      }
      assert.equal(await redeem(stage(), stray), 0n)
      const data = encodeFunctionData({
        abi: WORLD_ABI,
        functionName: 'setTicketValidityPeriod',
        args: [LONGER_ROUNDS],
      })
      const { status } = await stage().as(devAccount(DEV_ACCOUNTS.owner), { to: WORLD.ticketBroker, data })
      assert.equal(status, '0x1')
      assert.equal(await redeem(stage(), stray), 0n)
      assert.equal(await stage().outflowWei(), ETHER_WEI)
      await stage().audits(boot)
    })
  })
}
