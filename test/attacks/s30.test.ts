import { strict as assert } from 'node:assert'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { type Policy, policyCodec } from '../../enclave/protocol/policy.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { type Boot, FEES } from './boot.ts'
import { policyOf, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

describe('S30: a policy that is written down and enforced by nobody', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  /** A ledger that owes one ether each to three payees, under a policy with one field changed by a quorum. */
  async function under(over: Partial<Policy>): Promise<Boot> {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0', 'orch-1', 'orch-2')
    const { policyHash } = await boot.ledger()
    const policy = { ...policyOf(stage()), ...over }
    await stored(boot, 'set_policy', signedOn(stage()).policy(policy, 2, policyHash as Hash))
    return boot
  }

  const paid = async (over: Partial<Policy>): Promise<bigint[]> => {
    const boot = await under(over)
    const { payouts } = await boot.prepare()
    return payouts.map(({ amountWei }) => amountWei)
  }

  it('pays everyone whom it does not stand against', async () => {
    assert.deepEqual(await paid({}), [ETHER_WEI, ETHER_WEI, ETHER_WEI])
  })

  it('caps a payout', async () => {
    const half = wei(ETHER_WEI / 2n)
    assert.deepEqual(await paid({ payoutWeiMax: half }), [half, half, half])
  })

  it('caps a commit in wei', async () => {
    assert.deepEqual(await paid({ commitWeiMax: wei((3n * ETHER_WEI) / 2n) }), [ETHER_WEI, ETHER_WEI / 2n])
  })

  it('caps a commit in payouts', async () => {
    assert.equal((await paid({ payoutsPerCommitMax: 2 })).length, 2)
  })

  it('caps what one recipient gets within the window', async () => {
    const half = wei(ETHER_WEI / 2n)
    assert.deepEqual(await paid({ recipientWindowWeiMax: half }), [half, half, half])
  })

  it('caps what all get within the window', async () => {
    assert.deepEqual(await paid({ rollingWeiMax: wei((3n * ETHER_WEI) / 2n) }), [ETHER_WEI, ETHER_WEI / 2n])
  })

  it('never pays a denied recipient', async () => {
    assert.equal((await paid({ deniedRecipients: [stage().recipientOf('orch-1')] })).length, 2)
  })

  for (const field of ['thresholdWei', 'payoutWeiMin'] as const)
    it(`pays nothing below ${field}`, async () => {
      const boot = await under({ [field]: wei(ETHER_WEI + 1n), payoutWeiMax: wei(2n * ETHER_WEI) })
      await refuses(boot.prepare(), 'NOTHING_DUE')
    })

  it('caps the price of gas', async () => {
    const dear = { ...FEES, maxFeePerGasWei: '1000000001' }
    await refuses((await under({ gasPriceWeiMax: wei(10n ** 9n) })).prepare({ fees: dear }), 'GAS_CAP')
  })

  it('caps gas', async () => {
    await refuses((await under({ gasMax: FEES.gas - 1 })).prepare(), 'GAS_CAP')
  })

  it('caps the signatures of one sequence', async () => {
    const boot = await under({ signaturesPerSequenceMax: 2 })
    await boot.prepare()
    await boot.resign()
    await refuses(boot.resign(), 'SIGNATURES_SPENT')
  })

  it('lets a commit without payouts wait for its cadence', async () => {
    const boot = await under({ cadenceSeconds: 3_600 })
    await stage().pay(boot)
    await refuses(boot.prepare({ mode: 'bare' }), 'CADENCE_EARLY')
  })

  it('opens no account past its limit', async () => {
    const boot = await under({ accountsMax: 6 })
    await boot.credit('1', 'orch-new')
    assert.equal(await codeOfCall(boot.call('balance', { orchestrator_id: 'orch-new' })), 'ACCOUNT_UNKNOWN')
  })

  it('has no field that is dropped in silence', async () => {
    const boot = await stage().active()
    const { policyHash } = await boot.ledger()
    const signed = signedOn(stage()).policy(policyOf(stage()), 2, policyHash as Hash)
    const policy = policyCodec.encode(policyOf(stage())) as { [field: string]: unknown }
    await refuses(boot.call('set_policy', { ...signed, policy: { ...policy, dailyMax: 1 } }), 'POLICY_INVALID')
    const { rollingWeiMax: _, ...less } = policy
    await refuses(boot.call('set_policy', { ...signed, policy: less }), 'POLICY_INVALID')
  })
})
