import { strict as assert } from 'node:assert'
import { wei } from '../../enclave/protocol/money.ts'
import { OTHER_REPORTER, owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'

describe('A13: a host that chooses whose credits meet a cap first', () => {
  const caps = { windowWeiMax: wei(2n * ETHER_WEI), lifetimeWeiMax: wei(9n * ETHER_WEI) }
  const reporters = [REPORTER, OTHER_REPORTER].map(({ address }) => ({ address, ...caps }))
  const stage = useGovernedStage({ reporters })

  it('moves no balance by the order, since each reporter has a cap of his own', async () => {
    const by = signedOn(stage())
    // Both credit the same two, each up to his cap and one beyond it.
    const ids = ['orch-0', 'orch-1', 'orch-0']
    const first = ids.map((orchestratorId, at) => by.credit(REPORTER, at + 1, { orchestratorId }))
    const other = ids.map((orchestratorId, at) => by.credit(OTHER_REPORTER, at + 1, { orchestratorId }))
    const balances: bigint[][] = []
    for (const credits of [
      [...first, ...other],
      [...other, ...first],
      first.flatMap((credit, at) => [credit, other[at] as typeof credit]),
    ]) {
      const boot = await stage().boot()
      await boot.begin(stage().genesis, 0)
      const opened = await boot.openSession()
      await boot.tellLanded(opened.epoch)
      await stored(boot, 'credit_signed', { credits })
      balances.push([await owedWei(boot, 'orch-0'), await owedWei(boot, 'orch-1')])
    }
    assert.deepEqual(balances, [
      [2n * ETHER_WEI, 2n * ETHER_WEI],
      [2n * ETHER_WEI, 2n * ETHER_WEI],
      [2n * ETHER_WEI, 2n * ETHER_WEI],
    ])
  })
})
