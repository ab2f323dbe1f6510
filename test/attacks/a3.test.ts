import { strict as assert } from 'node:assert'
import type { Boot } from './boot.ts'
import { halts } from './confirm-stage.ts'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const CLONES = 5
const COMMITS_EACH = 25
const IDS = ['orch-0', 'orch-1', 'orch-2', 'orch-3', 'orch-4']
const SUM_WEI = ETHER_WEI / 10n
const TEST_MS_MAX = 400_000

describe('A3: two live clones of one enclave', () => {
  const stage = useStage()

  /** Each pays all that it has to somebody else: both commits are over the same money of the treasury. */
  async function bothPrepare(older: Boot, newer: Boot, turn: number) {
    await older.credit('0.1', IDS[turn % IDS.length] as string)
    await newer.credit('0.1', IDS[(turn + 1) % IDS.length] as string)
    return { lost: await older.prepare(), won: await newer.prepare() }
  }

  it('race for a hundred commits: what the session before signs reverts whoever comes first, and it halts', async function () {
    this.timeout(TEST_MS_MAX)
    let older = await stage().active()
    let paid = 0
    for (let takeover = 1; takeover < CLONES; takeover++) {
      const newer = await stage().reloaded(older.kept)
      for (let turn = 0; turn < COMMITS_EACH; turn++) {
        const { lost, won } = await bothPrepare(older, newer, turn)
        if (turn % 2 === 0) reverted(await stage().relay(lost), 'AnchorWrongEpoch')
        const { landed, bitmap } = await stage().relay(won)
        assert.deepEqual({ landed, bitmap }, { landed: true, bitmap: 1n })
        reverted(await stage().relay(lost), 'AnchorWrongEpoch')
        await newer.confirm(won.sequence, 1n)
        // The loser is told that it won: it goes on signing, and none of it lands.
        await older.confirm(lost.sequence, 1n)
        paid++
      }
      await halts(stage(), older)
      await older.kill()
      older = newer
    }
    assert.equal(paid, 100)
    assert.equal(await stage().outflowWei(), BigInt(paid) * SUM_WEI)
    const { creditedWei, paidWei } = await stage().audits(older)
    assert.deepEqual({ creditedWei, paidWei }, { creditedWei: paidWei, paidWei: BigInt(paid) * SUM_WEI })
  })
})
