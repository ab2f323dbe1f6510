import { strict as assert } from 'node:assert'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { anAddress } from '../builders/boot.ts'
import { asks, DAY_SECONDS, type GuardianCall } from './guardian.ts'
import { useStage } from './use-stage.ts'

const OTHER = anAddress(0x0de)
const CALLS: readonly GuardianCall[] = [
  ['appointAuthority', OTHER],
  ['approveAuthority', OTHER],
  ['freeze'],
  ['unfreeze'],
  ['guardianRotate', OTHER],
]

describe('A20: powers over the anchor', () => {
  const stage = useStage()

  async function standing() {
    const { head, sequence, epoch, session, authority, frozen, treasuryWei } = await stage().facts()
    return { head, sequence, epoch, session, authority, frozen, treasuryWei }
  }

  it('are the guardian’s alone: owner, treasury owner, keeper and strangers move nothing by any call', async () => {
    await stage().active()
    const before = await standing()
    const others = [DEV_ACCOUNTS.owner, DEV_ACCOUNTS.treasuryOwner, DEV_ACCOUNTS.keeper, 9].map((index) =>
      devAccount(index),
    )
    for (const other of others)
      for (const call of CALLS) assert.equal(await asks(stage(), other, call), 'AnchorNotGuardian', call[0])
    assert.deepEqual(await standing(), before)
  })

  it('let the guardian stop and go on, appoint nobody twice, and touch neither head nor treasury', async () => {
    const boot = await stage().active()
    const before = await standing()
    const guardian = stage().guardian()
    assert.equal(await asks(stage(), guardian, ['appointAuthority', OTHER]), 'AnchorAuthoritySet')
    assert.equal(await asks(stage(), guardian, ['guardianRotate', OTHER]), 'AnchorNotFrozen')
    assert.equal(await asks(stage(), guardian, ['unfreeze']), 'AnchorNotFrozen')
    assert.equal(await asks(stage(), guardian, ['freeze']), 'landed')
    assert.deepEqual(await standing(), { ...before, frozen: true })
    assert.equal(await asks(stage(), guardian, ['unfreeze']), 'landed')
    assert.deepEqual(await standing(), before)
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    await stage().audits(boot)
  })

  it('let him replace the authority after seven days of freeze and not a minute before', async () => {
    await stage().active()
    const before = await standing()
    const guardian = stage().guardian()
    assert.equal(await asks(stage(), guardian, ['freeze']), 'landed')
    await stage().node.pass(7 * DAY_SECONDS - 60)
    assert.equal(await asks(stage(), guardian, ['guardianRotate', OTHER]), 'AnchorNotFrozen')
    await stage().node.pass(120)
    assert.equal(await asks(stage(), guardian, ['guardianRotate', OTHER]), 'landed')
    const { epoch, authority, session, head, treasuryWei } = await standing()
    assert.deepEqual(
      { epoch, authority, session, head, treasuryWei },
      {
        epoch: before.epoch + 1,
        authority: OTHER,
        session: anAddress(0),
        head: before.head,
        treasuryWei: before.treasuryWei,
      },
    )
  })
})
