import { strict as assert } from 'node:assert'
import { owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'

describe('F22: the same work by the journal and as a signed credit', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('counts once: the route that is closed answers a refusal, which the log holds', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const single = await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const [outcome] = single.outcomes
    assert.equal(outcome?.kind === 'refused' ? outcome.code : outcome?.kind, 'ROUTE_CLOSED')
    const batch = await stored(boot, 'credit_batch', by.batch(REPORTER, 2, [{}, {}]))
    assert.deepEqual(batch.kind === 'ack' && batch.refused.map(({ code }) => code), ['ROUTE_CLOSED', 'ROUTE_CLOSED'])
    assert.equal(await owedWei(boot, 'orch-0'), ETHER_WEI)
    await stage().pay(boot)
    assert.equal((await stage().audits(boot)).paidWei, ETHER_WEI)
  })
})
