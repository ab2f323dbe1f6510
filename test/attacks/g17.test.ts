import { strict as assert } from 'node:assert'
import type { Hash } from '../../enclave/protocol/ids.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import type { Boot } from './boot.ts'
import { policyOf, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

describe('G17: the route of credits, switched back and forth', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  async function change(boot: Boot, version: number, credits: Policy['credits']) {
    const { policyHash } = await boot.ledger()
    return signedOn(stage()).policy({ ...policyOf(stage()), credits }, version, policyHash as Hash)
  }

  it('changes once, after which the journal has ended', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await stored(boot, 'set_policy', await change(boot, 2, 'signed'))
    await refuses(boot.credit('1', 'orch-0'), 'ROUTE_CLOSED')
    await refuses(boot.call('set_policy', await change(boot, 3, 'host-trusted')), 'POLICY_FIXED')
    await stored(boot, 'set_policy', await change(boot, 3, 'signed'))
    await refuses(boot.credit('1', 'orch-0'), 'ROUTE_CLOSED')
    await stored(boot, 'credit_signed', { credits: [signedOn(stage()).credit(REPORTER, 1)] })
    await stage().pay(boot)
    await stage().pay(boot)
    assert.equal((await stage().audits(boot)).paidWei, 2n * ETHER_WEI)
  })
})
