import { strict as assert } from 'node:assert'
import type { Boot } from './boot.ts'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const CLONES = 3
const COMMITS_EACH = 4

describe('A3: two live clones of one enclave', () => {
  const stage = useStage()

  /** The same credit into both, and a commit of each over it. */
  async function bothPrepare(older: Boot, newer: Boot, id: string) {
    for (const clone of [older, newer]) await clone.credit('0.5', id)
    return { lost: await older.prepare(), won: await newer.prepare() }
  }

  it('race for every commit, and what the session before signs reverts whoever comes first', async () => {
    let older = await stage().active()
    let paid = 0
    for (let takeover = 1; takeover < CLONES; takeover++) {
      const newer = await stage().reloaded(older.kept)
      for (let commit = 0; commit < COMMITS_EACH; commit++) {
        const { lost, won } = await bothPrepare(older, newer, `orch-${commit}`)
        if (commit % 2 === 0) reverted(await stage().relay(lost), 'AnchorWrongEpoch')
        const { landed, bitmap } = await stage().relay(won)
        assert.deepEqual({ landed, bitmap }, { landed: true, bitmap: 1n })
        reverted(await stage().relay(lost), 'AnchorWrongEpoch')
        await newer.confirm(won.sequence, 1n)
        // The loser is told that it won: it goes on signing, and none of it lands.
        await older.confirm(lost.sequence, 1n)
        paid++
      }
      older = newer
    }
    assert.equal(await stage().outflowWei(), (BigInt(paid) * ETHER_WEI) / 2n)
    await stage().audits(older)
  })
})
