import { strict as assert } from 'node:assert'
import { ETHER_WEI } from './stage.ts'
import { refuses, useStage } from './use-stage.ts'

const TRIES = 3

describe('S9: a host that asks for one balance again and again', () => {
  const stage = useStage()

  async function totals() {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    return boot
  }

  it('is refused a second commit while the first is unlanded, of either kind', async () => {
    const boot = await totals()
    const { sequence } = await boot.prepare()
    for (let attempt = 0; attempt < TRIES; attempt++) {
      await refuses(boot.prepare(), 'COMMIT_UNLANDED')
      await refuses(boot.prepare({ mode: 'bare' }), 'COMMIT_UNLANDED')
    }
    await boot.credit('0.5', 'orch-0')
    await refuses(boot.prepare(), 'COMMIT_UNLANDED')
    assert.equal((await boot.ledger()).unlanded?.sequence, sequence)
  })

  it('finds every wei in one place at every moment: balance, on its way, or paid', async () => {
    const boot = await totals()
    const seen: bigint[][] = []
    const look = async () => {
      const { balance_wei, reserved_wei, paid_wei, credited_wei } = await boot.call('balance', {
        orchestrator_id: 'orch-0',
      })
      assert.equal(balance_wei + reserved_wei + paid_wei, credited_wei)
      seen.push([balance_wei, reserved_wei, paid_wei])
    }
    await look()
    const commit = await boot.prepare()
    await look()
    await boot.resign()
    await look()
    assert.equal((await stage().relay(commit)).bitmap, 1n)
    await boot.confirm(commit.sequence, 1n)
    await look()
    assert.deepEqual(seen, [
      [ETHER_WEI, 0n, 0n],
      [0n, ETHER_WEI, 0n],
      [0n, ETHER_WEI, 0n],
      [0n, 0n, ETHER_WEI],
    ])
    await refuses(boot.prepare(), 'NOTHING_DUE')
    await stage().audits(boot)
  })
})
