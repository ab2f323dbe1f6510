import { strict as assert } from 'node:assert'
import type { SignedCall } from '../../enclave/protocol/method-results.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { FEES } from './boot.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses, useStage } from './use-stage.ts'

describe('F16: a fee cap below what the chain asks for', () => {
  const stage = useStage({ policy: { gasPriceWeiMax: wei(1n) } })
  const cheap = { fees: { ...FEES, maxFeePerGasWei: '1' } }

  it('stops no payout: anyone carries the call with gas of his own', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    await refuses(boot.openSession(), 'GAS_CAP')
    const opened = await boot.openSession(cheap)
    assert.equal(await isMined(opened), false, 'the chain takes nothing at this price')
    assert((await stage().relay(opened)).landed, 'a stranger opens the session')
    await boot.tellLanded(opened.epoch)
    await boot.credit('1', 'orch-0')
    const commit = await boot.prepare(cheap)
    assert.equal(await isMined(commit), false)
    const { landed, bitmap } = await stage().relay(commit)
    assert(landed && bitmap !== null, 'a stranger lands the commit')
    await boot.confirm(commit.sequence, bitmap)
    assert.equal((await stage().audits(boot)).paidWei, ETHER_WEI)
  })

  /** The authority's own transaction, at the price that the policy allows. */
  async function isMined(signed: SignedCall): Promise<boolean> {
    try {
      const hash = await stage().submit(signed)
      await stage().node.mine()
      return (await stage().node.receiptOf(hash)) !== undefined
    } catch (error) {
      assert.match(String(error), /fee/, 'a node refuses it for its price alone')
      return false
    }
  }
})
