import { strict as assert } from 'node:assert'
import { toHex } from '../../enclave/protocol/ids.ts'
import { FEES } from './boot.ts'
import { bitmapOf } from './stage.ts'
import { refuses, useStage } from './use-stage.ts'

const STEPS = 80n
const PRICE_WEI_MAX = 50_000_000n

describe('A19: a host that chooses fees and gas', () => {
  const stage = useStage({ policy: { gasPriceWeiMax: PRICE_WEI_MAX as never, gasMax: 16_000_000 } })

  it('is refused a signature above the caps of the policy, for payouts and for sessions', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const dear = { ...FEES, maxFeePerGasWei: (PRICE_WEI_MAX + 1n).toString() }
    const wide = { ...FEES, gas: 16_000_001 }
    const tip = { ...FEES, maxPriorityFeePerGasWei: '20000001' }
    for (const fees of [dear, wide, tip]) await refuses(boot.prepare({ fees }), 'GAS_CAP')
    await boot.prepare({ fees: { ...FEES, maxFeePerGasWei: PRICE_WEI_MAX.toString(), gas: 16_000_000 } })
    for (const fees of [dear, wide, tip]) await refuses(boot.resign({ fees }), 'GAS_CAP')
    await boot.kill()

    const again = await stage().boot()
    await again.load(boot.kept, await stage().claimFor(boot.kept))
    for (const fees of [dear, wide, tip]) await refuses(again.openSession({ fees }), 'GAS_CAP')
    await stage().activate(again)
  })

  it('gets every payout made or none, whatever gas limit it sends along', async () => {
    const boot = await stage().active()
    await boot.credit('0.1', 'orch-0', 'orch-1', 'orch-2')
    const commit = await boot.prepare()
    const full = await bitsAt(15_000_000n)
    assert.equal(full.bits, '111')
    const seen = new Set<string>()
    for (let step = 0n; step <= STEPS; step++) seen.add((await bitsAt((full.gasUsed * (60n + step)) / 100n)).bits)
    assert.deepEqual([...seen].sort(), ['111', 'reverted'])

    async function bitsAt(gas: bigint) {
      const back = await stage().node.mark()
      const receipt = await stage().asStranger({ to: stage().anchor, data: toHex(commit.call), gas })
      await back()
      return { bits: bitmapOf(receipt)?.toString(2) ?? 'reverted', gasUsed: BigInt(receipt.gasUsed) }
    }
  })
})
