import { strict as assert } from 'node:assert'
import type { CommitResult } from '../../enclave/protocol/method-results.ts'
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
    // The first of the two nonces may be spent on the same commit with a round that its ticket does not bear.
    const { number, hash } = await stage().round()
    const spent = await boot.resign({ round: { number: number + 1, hash } })
    for (const winner of variants) {
      const back = await stage().node.mark()
      if (winner.accountNonce > accountNonce) assert.equal(await broadcast(spent), 'AnchorTicketFailed')
      assert.equal(await broadcast(winner), 'landed')
      for (const loser of variants) {
        const again = await stage().node.mark()
        const isNext = loser.accountNonce > winner.accountNonce
        assert.equal(await broadcast(loser), isNext ? 'AnchorWrongSequence' : 'nonce too low')
        await again()
        reverted(await stage().relay(loser), 'AnchorWrongSequence')
      }
      assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-0')), ETHER_WEI)
      await back()
    }
  })

  /** What becomes of the authority's own transaction, its fee and its nonce. */
  async function broadcast(signed: CommitResult): Promise<string> {
    try {
      const { landed, error } = await stage().send(signed)
      return landed ? 'landed' : `${error}`
    } catch (error) {
      return /nonce too low/i.exec(String(error))?.[0].toLowerCase() ?? String(error)
    }
  }

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
