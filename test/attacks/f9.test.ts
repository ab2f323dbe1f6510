import { strict as assert } from 'node:assert'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { policyOf, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'

describe('F9: a policy change, and then a reboot', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('loads under the newer policy, and pays by it', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const { policyHash } = await boot.ledger()
    const policy = { ...policyOf(stage()), payoutWeiMax: wei(ETHER_WEI / 4n) }
    await stored(boot, 'set_policy', signedOn(stage()).policy(policy, 2, policyHash as Hash))
    await stage().anchorBare(boot)
    await boot.kill()
    const again = await stage().boot()
    assert.equal(await codeOfCall(again.load(boot.kept, await stage().claimFor(boot.kept))), 'accepted')
    await stage().activate(again)
    assert.equal((await again.ledger()).policyVersion, 2)
    await stage().pay(again)
    assert.equal((await stage().audits(again)).paidWei, ETHER_WEI / 4n)
  })
})
