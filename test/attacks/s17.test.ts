import { strict as assert } from 'node:assert'
import { policyCodec, policyHash } from '../../enclave/protocol/policy.ts'
import { knownOf, verdictOn } from './attested.ts'
import { policyOf, useGovernedStage } from './governed.ts'
import { refuses } from './use-stage.ts'

describe('S17: a host that would rather not have credits signed', () => {
  const stage = useGovernedStage()
  const trusting = useGovernedStage({ credits: 'host-trusted' })

  it('cannot begin the ledger with the flag flipped', async () => {
    const boot = await stage().boot()
    const policy = { ...policyOf(stage()), credits: 'host-trusted' as const }
    const genesis = { ...(stage().genesis as object), policy: policyCodec.encode(policy) }
    await refuses(boot.begin(genesis, 0), 'GENESIS_HASH')
  })

  it('shows the flag in the hash that every header carries', async () => {
    const policy = policyOf(stage())
    const flipped = policyHash({ ...policy, credits: 'host-trusted' })
    assert.notEqual(flipped, policyHash(policy))
    const boot = await stage().active()
    const { header } = await headerOf(boot)
    assert.equal(header.policyHash, policyHash(policy))
    assert.notEqual(header.policyHash, flipped)
  })

  it('has no journal line counted where credits are signed', async () => {
    const boot = await stage().active()
    await refuses(boot.credit('1', 'orch-0'), 'ROUTE_CLOSED')
  })

  it('is shown by the enclave’s own document to whoever expects the other flag', async () => {
    for (const [ledger, other] of [
      [stage(), 'host-trusted'],
      [trusting(), 'signed'],
    ] as const) {
      const boot = await ledger.active()
      const truth = await knownOf(ledger)
      assert.equal(await verdictOn(ledger, boot, truth), 'accepted')
      assert.equal(await verdictOn(ledger, boot, { ...truth, credits: other }), 'ATTESTATION_BINDING')
      const flipped = policyHash({ ...policyOf(ledger), credits: other })
      assert.equal(await verdictOn(ledger, boot, { ...truth, policyHash: flipped }), 'ATTESTATION_BINDING')
    }
  })

  async function headerOf(boot: Awaited<ReturnType<ReturnType<typeof stage>['active']>>) {
    await stage().anchorBare(boot)
    return boot.call('prove_balance', { orchestrator_id: 'orch-0' })
  }
})
