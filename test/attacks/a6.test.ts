import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const DEPTHS = [1, 3, 8]

describe('A6: a reorganisation that takes a payout back', () => {
  const stage = useStage()

  async function rootAndMoney() {
    const { head, sequence } = await stage().facts()
    return { head, sequence, paidWei: await stage().ticketsPaidWei(stage().recipientOf('orch-0')) }
  }

  it('takes root and money together at any depth, and brings both back with the same bytes', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const commit = await boot.prepare()
    const without = await rootAndMoney()
    const { head } = await boot.confirm(commit.sequence, 1n)
    for (const depth of DEPTHS) {
      const back = await stage().node.mark()
      assert.equal((await stage().relay(commit)).landed, true)
      await stage().node.mine(depth)
      assert.deepEqual(await rootAndMoney(), { head, sequence: 1, paidWei: ETHER_WEI })
      await back()
      assert.deepEqual(await rootAndMoney(), without)
    }
    assert.equal((await stage().relay(commit)).landed, true)
    await stage().audits(boot)
  })

  it('leaves one of two histories when another commit lands in its place', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const before = await stage().node.mark()
    const { commit } = await stage().pay(boot)
    const atCommit = boot.kept.slice(0, -1)
    await before()

    const again = await stage().reloaded(atCommit)
    await stage().pay(again)
    reverted(await stage().relay(commit), 'AnchorWrongEpoch')
    assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-0')), ETHER_WEI)
    await stage().audits(again)
  })
})
