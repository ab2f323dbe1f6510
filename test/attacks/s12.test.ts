import { strict as assert } from 'node:assert'
import { anAddress } from '../builders/boot.ts'
import { deployed } from './payees.ts'
import { ETHER_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

/** Two who take what they are given, between one who refuses and one who burns his gas. */
const GOOD = 0b0101n
const SUBSETS = 16

describe('S12: payees of whom some fail, read as a batch that was paid', () => {
  const stage = useStage({
    policy: { strategy: 'transfer', signaturesPerSequenceMax: 100 },
    recipients: async ({ node }) => [
      anAddress(0x2000),
      await deployed(node, 'RefusingPayee'),
      anAddress(0x2002),
      await deployed(node, 'GreedyPayee'),
    ],
  })

  /** Bit i is set when recipient i got the half ether that the commit owes him. */
  async function moved(): Promise<bigint> {
    let bits = 0n
    for (const [at, { recipient }] of stage().roster.entries())
      if ((await stage().node.balanceOf(recipient)) === ETHER_WEI / 2n) bits |= 1n << BigInt(at)
    return bits
  }

  it('have each a bit that says what moved, for every subset that is skipped', async () => {
    const boot = await stage().active()
    await boot.credit('0.5', 'orch-0', 'orch-1', 'orch-2', 'orch-3')
    await boot.prepare()
    for (let subset = 0n; subset < SUBSETS; subset++) {
      const skip = [0, 1, 2, 3].filter((position) => (subset >> BigInt(position)) & 1n)
      const commit = await boot.resign({ skip, round: null })
      const back = await stage().node.mark()
      const { landed, bitmap } = await stage().relay(commit)
      assert.deepEqual({ landed, bitmap }, { landed: true, bitmap: GOOD & ~subset })
      assert.equal(await moved(), GOOD & ~subset)
      await back()
    }
  })

  it('are accounted for by those bits, to the wei', async () => {
    const boot = await stage().active()
    await boot.credit('0.5', 'orch-0', 'orch-1', 'orch-2', 'orch-3')
    const { bitmap } = await stage().pay(boot)
    assert.equal(bitmap, GOOD)
    assert.equal((await stage().audits(boot)).paidWei, ETHER_WEI)
    const { balance_wei } = await boot.call('balance', { orchestrator_id: 'orch-1' })
    assert.equal(balance_wei, ETHER_WEI / 2n)
  })
})
