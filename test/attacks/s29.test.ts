import { strict as assert } from 'node:assert'
import { wei } from '../../enclave/protocol/money.ts'
import { OTHER_REPORTER, owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'

describe('S29: a meter that counts too much', () => {
  const reporters = [REPORTER, OTHER_REPORTER].map(({ address }) => ({
    address,
    windowWeiMax: wei(2n * ETHER_WEI),
    lifetimeWeiMax: wei(9n * ETHER_WEI),
  }))
  const stage = useGovernedStage({ reporters })

  it('brings no more than its cap, and what is above is recorded as refused', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const credits = [1, 2, 3, 4].map((rseq) => by.credit(REPORTER, rseq))
    const { outcomes } = await stored(boot, 'credit_signed', { credits })
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.code : outcome.kind)),
      ['applied', 'applied', 'CREDIT_CAP', 'CREDIT_CAP'],
    )
    assert.equal(await owedWei(boot, 'orch-0'), 2n * ETHER_WEI)
    await stage().pay(boot)
    await stage().audits(boot)
  })

  it('takes nothing from the cap of another reporter', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [1, 2, 3].map((rseq) => by.credit(REPORTER, rseq)) })
    const { outcomes } = await stored(boot, 'credit_signed', { credits: [by.credit(OTHER_REPORTER, 1)] })
    assert.equal(outcomes[0]?.kind, 'applied')
  })
})
