import { strict as assert } from 'node:assert'
import { wei } from '../../enclave/protocol/money.ts'
import { aGenesis, aLine, aPolicy, audited } from '../builders/boot.ts'
import { aWorld, closeWorlds } from '../builders/worlds.ts'

const ETHER_WEI = 10n ** 18n

/** Years have to pass between writing and replaying, so these worlds run inside the test. */
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
