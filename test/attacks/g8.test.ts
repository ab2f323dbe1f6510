import { strict as assert } from 'node:assert'
import { ETHER_WEI, TREASURY_WEI } from './stage.ts'
import { refuses, reverted, useStage } from './use-stage.ts'

describe('G8: a ledger that owes more than the treasury holds', () => {
  const stage = useStage({
    policy: { payoutWeiMax: (6n * ETHER_WEI) as never, commitWeiMax: (100n * ETHER_WEI) as never },
  })

  it('pays up to what is there, one payee after the other', async () => {
    const boot = await stage().active()
    await boot.credit('6', 'orch-0', 'orch-1', 'orch-2', 'orch-3', 'orch-4')
    const budgetWei = TREASURY_WEI.toString()
    const commit = await boot.prepare({ budgetWei })
    assert.deepEqual(
      commit.payouts.map(({ account, amountWei }) => [account, amountWei / ETHER_WEI]),
      [
        [1, 6n],
        [2, 6n],
        [3, 6n],
        [4, 2n],
      ],
    )
    const { landed, bitmap } = await stage().send(commit)
    assert(landed && bitmap !== null)
    await boot.confirm(commit.sequence, bitmap)
    await refuses(boot.prepare({ budgetWei: (await stage().treasuryWei()).toString() }), 'NOTHING_DUE')
    await stage().audits(boot)
  })

  it('goes on behind the last one who was served when the treasury is filled again', async () => {
    const boot = await stage().active()
    await boot.credit('6', 'orch-0', 'orch-1', 'orch-2', 'orch-3', 'orch-4')
    const paid = async (budgetWei: bigint) => {
      const commit = await boot.prepare({ budgetWei: budgetWei.toString() })
      assert((await stage().send(commit)).landed)
      await boot.confirm(commit.sequence, (1n << BigInt(commit.payouts.length)) - 1n)
      return commit.payouts.map(({ account, amountWei }) => [account, amountWei / ETHER_WEI])
    }
    assert.deepEqual((await paid(TREASURY_WEI)).at(-1), [4, 2n])
    const more = 7n * ETHER_WEI
    assert.equal((await stage().asStranger({ to: stage().anchor, value: more })).status, '0x1')
    assert.deepEqual(await paid(more), [
      [5, 6n],
      [4, 1n],
    ])
    assert.equal(await stage().treasuryWei(), 0n)
  })

  it('loses nothing but time by a host that says the treasury holds more', async () => {
    const boot = await stage().active()
    await boot.credit('6', 'orch-0', 'orch-1', 'orch-2', 'orch-3')
    reverted(await stage().send(await boot.prepare()), 'AnchorUnderfunded')
    assert.equal(await stage().outflowWei(), 0n)
    await boot.kill()
    const again = await stage().reloaded(boot.kept)
    const commit = await again.prepare({ budgetWei: TREASURY_WEI.toString() })
    assert((await stage().send(commit)).landed)
    assert.equal(await stage().outflowWei(), TREASURY_WEI)
  })
})
