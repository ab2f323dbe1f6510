import { strict as assert } from 'node:assert'
import { toHex } from '../../enclave/protocol/ids.ts'
import { deployed } from './payees.ts'
import { bitmapOf } from './stage.ts'
import { useStage } from './use-stage.ts'

const STEPS = 120n
const TENTHS_OF_PERCENT = 1_000n

describe('G10: a relayer who chooses the gas limit', () => {
  const stage = useStage({
    policy: { strategy: 'transfer' },
    // Each refuses when it gets less gas than every transfer is promised.
    recipients: async ({ node }) => [
      await deployed(node, 'FussyPayee'),
      await deployed(node, 'FussyPayee'),
      await deployed(node, 'FussyPayee'),
    ],
  })

  it('gets everybody paid, or a revert: no limit marks one of them as failed', async () => {
    const boot = await stage().active()
    await boot.credit('0.1', 'orch-0', 'orch-1', 'orch-2')
    const commit = await boot.prepare()
    const full = await at(15_000_000n)
    assert.equal(full.bits, '111')
    const seen = new Set<string>()
    for (let step = 0n; step <= STEPS; step++) {
      const share = 600n + (2_400n * step) / STEPS
      seen.add((await at((full.gasUsed * share) / TENTHS_OF_PERCENT)).bits)
    }
    assert.deepEqual([...seen].sort(), ['111', 'reverted'])

    async function at(gas: bigint) {
      const back = await stage().node.mark()
      const receipt = await stage().asStranger({ to: stage().anchor, data: toHex(commit.call), gas })
      await back()
      return { bits: bitmapOf(receipt)?.toString(2) ?? 'reverted', gasUsed: BigInt(receipt.gasUsed) }
    }
  })
})
