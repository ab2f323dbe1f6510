import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const FEES_WEI = ['20000000', '24000000', '30000000']

describe('A18: one commit in many transactions', () => {
  const stage = useStage()

  it('lands once, whichever of two nonces and three fees comes first', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const first = await boot.prepare()
    const { accountNonce } = await stage().facts()
    const fees = { gas: 15_000_000, maxPriorityFeePerGasWei: '0' }
    const variants = [first]
    for (const nonce of [accountNonce, accountNonce + 1])
      for (const maxFeePerGasWei of FEES_WEI)
        variants.push(await boot.resign({ accountNonce: nonce, fees: { ...fees, maxFeePerGasWei } }))
    for (const winner of variants) {
      const back = await stage().node.mark()
      assert.equal((await stage().relay(winner)).bitmap, 1n)
      for (const loser of variants) reverted(await stage().relay(loser), 'AnchorWrongSequence')
      assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-0')), ETHER_WEI)
      await back()
    }
  })

  it('lands once when both nonces are mined in one block', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const first = await boot.prepare()
    const second = await boot.resign({ accountNonce: (await stage().facts()).accountNonce + 1 })
    const hashes = [await stage().submit(first), await stage().submit(second)]
    await stage().node.mine()
    const receipts = await Promise.all(hashes.map((hash) => stage().node.receiptOf(hash)))
    assert.deepEqual(
      receipts.map((receipt) => receipt?.status),
      ['0x1', '0x0'],
    )
    await boot.confirm(first.sequence, 1n)
    await stage().audits(boot)
  })
})
