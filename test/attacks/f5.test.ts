import { strict as assert } from 'node:assert'
import { anAddress } from '../builders/boot.ts'
import { StolenSession } from './stolen-session.ts'
import { refuses, reverted, useStage } from './use-stage.ts'

const PAYOUTS_MAX = 128

describe('F5: more payouts than a commit has bits for', () => {
  const stage = useStage()

  function transfers(count: number) {
    return Array.from({ length: count }, (_, at) => ({ recipient: anAddress(0x5000 + at), amountWei: 1n }))
  }

  it('are refused by the anchor from one hundred and twenty-nine on, and a full commit has every bit', async () => {
    const session = await StolenSession.take(stage())
    for (const count of [PAYOUTS_MAX + 1, 256, 257])
      reverted(await stage().relay(await session.pay({ transfers: transfers(count) })), 'AnchorPayoutCount')
    assert.equal(await stage().outflowWei(), 0n)
    const { bitmap } = await stage().relay(await session.pay({ transfers: transfers(PAYOUTS_MAX) }))
    assert.equal(bitmap, 2n ** BigInt(PAYOUTS_MAX) - 1n)
    assert.equal(await stage().outflowWei(), BigInt(PAYOUTS_MAX))
  })

  it('are refused by the enclave: no policy can ask for them', async () => {
    const boot = await stage().boot()
    const { policy } = stage().genesis as { policy: object }
    const more = { ...stage().genesis, policy: { ...policy, payoutsPerCommitMax: PAYOUTS_MAX + 1 } }
    await refuses(boot.begin(more, 0), 'POLICY_INVALID')
  })
})
