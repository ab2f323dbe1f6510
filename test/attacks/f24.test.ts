import { strict as assert } from 'node:assert'
import { wei } from '../../enclave/protocol/money.ts'
import { aGenesis, aLine, aPolicy, audited } from '../builders/boot.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { aWorld, closeWorlds } from '../builders/worlds.ts'
import { ETHER_WEI } from './stage.ts'
import { useSteeredMachines } from './steered-clock.ts'
import { refuses, useStage } from './use-stage.ts'

const DAY_SECONDS = 86_400
const YEAR_SECONDS = 365 * DAY_SECONDS

describe('F24: windows that are judged by another clock when the log is replayed', () => {
  after(closeWorlds)

  it('come out the same a year later, for the enclave and for the auditor', () => {
    const policy = aPolicy({
      windowSeconds: 3_600,
      recipientWindowWeiMax: wei(ETHER_WEI),
      payoutWeiMax: wei(ETHER_WEI),
    })
    const world = aWorld(aGenesis({ policy }))
    const boot = world.active()
    boot.offer(aLine('orch-0', '3'))
    for (let round = 0; round < 2; round++) {
      const commit = boot.prepare()
      boot.confirm(commit.sequence, 1n)
      world.nowSeconds += 3_601
    }
    const before = boot.ledger
    world.nowSeconds += 366 * 86_400
    const again = world.provisioned()
    again.load(boot, { head: before.head, epoch: 1, bitmap: null })
    const { creditedWei, paidWei, logSize, policyHash, at } = again.ledger
    assert.deepEqual(
      { creditedWei, paidWei, logSize, policyHash, at },
      {
        creditedWei: before.creditedWei,
        paidWei: before.paidWei,
        logSize: before.logSize,
        policyHash: before.policyHash,
        at: before.at,
      },
    )
    again.openSession(2)
    const commit = again.prepare()
    assert.equal(commit.payouts.length, 1)
    again.confirm(commit.sequence, 1n)
    assert.equal(audited(again.entries).paidWei, 3n * ETHER_WEI)
  })
})

describe('F24: windows of a ledger whose enclave is restarted on a machine of another year', () => {
  const machines = useSteeredMachines('F24')
  const stage = useStage({
    policy: { windowSeconds: 3_600, recipientWindowWeiMax: wei(ETHER_WEI), payoutWeiMax: wei(ETHER_WEI) },
  })

  it('are those of the time at which each payout was made', async () => {
    let boot = await stage().active()
    await boot.credit('3', 'orch-0')
    await stage().pay(boot)
    await refuses(boot.prepare(), 'NOTHING_DUE')
    for (const years of [1, 2]) {
      const { at, creditedWei, paidWei, policyHash } = await boot.ledger()
      await boot.kill()
      boot = await machines.reloaded(stage(), boot.kept, years * YEAR_SECONDS)
      const after = await boot.ledger()
      assert.deepEqual([after.creditedWei, after.paidWei, after.policyHash], [creditedWei, paidWei, policyHash])
      assert(after.at >= at + YEAR_SECONDS - DAY_SECONDS, 'the machine is of another year')
      assert.equal(await codeOfCall(stage().pay(boot)), 'accepted')
      await refuses(boot.prepare(), 'NOTHING_DUE')
    }
    assert.equal((await stage().audits(boot)).paidWei, 3n * ETHER_WEI)
  })
})
