import { strict as assert } from 'node:assert'
import { REGISTRAR } from '../builders/governors.ts'
import { ALICE, EVE, owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

describe('F4: an address that wants the credits of another’s id', () => {
  const stage = useGovernedStage()

  it('is not registered by itself', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await refuses(boot.call('register', by.register(EVE, null)), 'REGISTRATION_DENIED')
    const forAlice = { orchestratorId: ALICE.address }
    await refuses(boot.call('register', by.register(EVE, REGISTRAR, forAlice)), 'RECIPIENT_FORBIDDEN')
  })

  it('gets nothing of a signed credit that names somebody else, and neither does he', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'register', by.register(ALICE, REGISTRAR))
    const fields = { orchestratorId: 'orch-new' }
    const credits = [
      by.credit(REPORTER, 1, { ...fields, recipient: ALICE.address }),
      by.credit(REPORTER, 2, { ...fields, recipient: EVE.address }),
    ]
    const { outcomes } = await stored(boot, 'credit_signed', { credits })
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.code : outcome.kind)),
      ['applied', 'RECIPIENT_MISMATCH'],
    )
    assert.equal(await owedWei(boot, 'orch-new'), ETHER_WEI)
  })
})
