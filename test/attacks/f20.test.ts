import { strict as assert } from 'node:assert'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { policyOf, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

describe('F20: a host that picks the laxest of several signed policies', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('cannot go back to one whose predecessor is no longer in force', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const { policyHash: first } = await boot.ledger()
    const lax = { ...policyOf(stage()), payoutWeiMax: wei(9n * ETHER_WEI) }
    const strict = { ...policyOf(stage()), payoutWeiMax: wei(ETHER_WEI / 2n) }
    const { policyHash: second } = await stored(boot, 'set_policy', by.policy(strict, 2, first as Hash))
    await refuses(boot.call('set_policy', by.policy(lax, 2, first as Hash)), 'POLICY_SUPERSEDED')
    await refuses(boot.call('set_policy', by.policy(lax, 3, first as Hash)), 'POLICY_SUPERSEDED')
    await refuses(boot.call('set_policy', by.policy(lax, 2, second)), 'COUNTER_MISMATCH')
    await boot.credit('1', 'orch-0')
    const { commit } = await stage().pay(boot)
    assert.deepEqual(
      commit.payouts.map(({ amountWei }) => amountWei),
      [ETHER_WEI / 2n],
    )
  })

  it('cannot hold one back past its end', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const { policyHash, at } = await boot.ledger()
    const late = by.policy(policyOf(stage()), 2, policyHash as Hash, undefined, at - 1)
    await refuses(boot.call('set_policy', late), 'SIGNATURE_EXPIRED')
  })
})
