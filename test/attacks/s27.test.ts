import { strict as assert } from 'node:assert'
import { owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

describe('S27: one piece of work under two names', () => {
  const stage = useGovernedStage()

  it('counts once when the reporter’s number is used again for other words', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1, { eventId: 'workload:7' })] })
    const renamed = by.credit(REPORTER, 1, { eventId: 'workload_time:7' })
    assert.equal((await boot.call('credit_signed', { credits: [renamed] })).outcomes[0]?.kind, 'known')
    await refuses(boot.credit('1', 'orch-0'), 'ROUTE_CLOSED')
    assert.equal(await owedWei(boot, 'orch-0'), ETHER_WEI)
  })

  it('is adjusted once for each number that the admins signed', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const half = by.adjust({ adjustSeq: 1, orchestratorId: 'orch-0', deltaWei: -ETHER_WEI / 2n })
    await stored(boot, 'adjust', half)
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 2)] })
    await refuses(boot.call('adjust', half), 'COUNTER_MISMATCH')
    assert.equal(await owedWei(boot, 'orch-0'), (3n * ETHER_WEI) / 2n)
  })
})
