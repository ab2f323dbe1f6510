import { strict as assert } from 'node:assert'
import { REGISTRAR } from '../builders/governors.ts'
import { ALICE, EVE, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { refuses, reverted } from './use-stage.ts'

describe('A14: a host that wants payouts of others for an address of its own', () => {
  const stage = useGovernedStage()

  it('registers nobody without a registrar', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await refuses(boot.call('register', by.register(EVE, null)), 'REGISTRATION_DENIED')
    await refuses(boot.call('register', by.register(EVE, EVE)), 'REGISTRATION_DENIED')
    await stored(boot, 'register', by.register(ALICE, REGISTRAR))
    await refuses(boot.call('register', by.register(EVE, REGISTRAR, { regSeq: 2 })), 'RECIPIENT_PINNED')
    const message = { orchestratorId: 'orch-new', from: ALICE.address, to: EVE.address, regSeq: 2, notAfter: 4e9 }
    await refuses(boot.call('change_recipient', by.change(EVE, EVE, message)), 'SIGNER_MISMATCH')
    await refuses(boot.call('change_recipient', by.change(null, EVE, message)), 'QUORUM_INVALID')
  })

  it('gains nothing from a registrar’s help in a history that was rolled back', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const before = [...boot.kept]
    await stored(boot, 'register', by.register(ALICE, REGISTRAR))
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1, { orchestratorId: 'orch-new' })] })
    await stage().anchorBare(boot)
    await boot.kill()
    const stale = await stage().boot()
    await stale.load(before, { ...(await stage().claim()), head: `0x${'00'.repeat(32)}` as never, bitmap: null })
    reverted(await stage().send(await stale.openSession()), 'AnchorStaleHead')
    const { recipient } = await (await stage().reloaded(boot.kept)).call('balance', { orchestrator_id: 'orch-new' })
    assert.equal(recipient, ALICE.address)
  })
})
