import { strict as assert } from 'node:assert'
import { BOUND_FIELDS, type ExpectedUserData } from '../../enclave/protocol/attestation/binding.ts'
import { attestationDigestOf } from '../../enclave/protocol/attestation/user-data.ts'
import { judged, knownOf, verdictOn } from './attested.ts'
import { useStage } from './use-stage.ts'

describe('S37: an attestation that leaves things out', () => {
  const stage = useStage()

  const known = (over: Partial<ExpectedUserData> = {}) => knownOf(stage(), over)

  it('leaves nothing out: each field is what the chain and the genesis say, and any other value is refused', async () => {
    const boot = await stage().active()
    const truth = await known()
    assert.equal(await verdictOn(stage(), boot, truth), 'accepted')
    for (const field of BOUND_FIELDS) {
      const other = { role: 'signer', chainId: 1, epoch: 77, credits: 'signed' }[field as string] ?? null
      assert.equal(await verdictOn(stage(), boot, { ...truth, [field]: other }), 'ATTESTATION_BINDING', field)
    }
  })

  it('follows the ledger: after a commit the old head is refused', async () => {
    const boot = await stage().active()
    const before = await known()
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    assert.equal(await verdictOn(stage(), boot, await known()), 'accepted')
    assert.equal(await verdictOn(stage(), boot, before), 'ATTESTATION_BINDING')
  })

  it('tells a clone: its session is not the one on chain', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const clone = await stage().reloaded(boot.kept)
    assert.equal(await verdictOn(stage(), clone, await known()), 'accepted')
    assert.equal(await verdictOn(stage(), boot, await known()), 'ATTESTATION_BINDING')
  })

  it('says that nothing is known yet, and passes for no enclave that is at work', async () => {
    const boot = await stage().boot()
    const unknown = { policyHash: null, head: null, epoch: null, credits: null }
    assert.equal(
      await verdictOn(stage(), boot, await known({ ...unknown, session: boot.session, authority: stage().authority })),
      'accepted',
    )
    assert.equal(await verdictOn(stage(), boot, await known()), 'ATTESTATION_BINDING')
  })

  it('is named by the session on chain, and by no other document', async () => {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    const opened = await boot.openSession()
    assert((await stage().send(opened)).landed)
    await boot.tellLanded(opened.epoch)
    assert(opened.attestation !== null)
    assert.equal(await stage().sessionDigest(opened.epoch), attestationDigestOf(opened.attestation))
    assert.equal(judged(stage(), opened.attestation, 'unchecked', await known()), 'accepted')
    const again = await boot.call('attestation', {})
    assert.notEqual(
      attestationDigestOf(Buffer.from(again.document_b64, 'base64')),
      attestationDigestOf(opened.attestation),
    )
  })
})
