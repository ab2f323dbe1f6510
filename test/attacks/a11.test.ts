import { strict as assert } from 'node:assert'
import { owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

describe('A11: a host that feeds credits again', () => {
  const stage = useGovernedStage()

  it('changes no balance with any prefix of them, before and after a reload', async () => {
    const by = signedOn(stage())
    const credits = [1, 2, 3].map((rseq) => by.credit(REPORTER, rseq))
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits })
    await boot.kill()
    const again = await stage().reloaded(boot.kept)
    for (const prefix of [1, 2, 3]) {
      const { outcomes } = await again.call('credit_signed', { credits: credits.slice(0, prefix) })
      assert.deepEqual([...new Set(outcomes.map(({ kind }) => kind))], ['known'])
    }
    const batch = by.batch(REPORTER, 1, [{}, {}, {}])
    assert.deepEqual(await again.call('credit_batch', batch), { kind: 'known', nextSeq: 4 })
    assert.equal(await owedWei(again, 'orch-0'), 3n * ETHER_WEI)
  })

  it('counts them once in a history that never had them', async () => {
    const boot = await stage().active()
    const before = [...boot.kept]
    const credits = [signedOn(stage()).credit(REPORTER, 1)]
    await stored(boot, 'credit_signed', { credits })
    await boot.kill()
    const again = await stage().reloaded(before)
    await stored(again, 'credit_signed', { credits })
    await stage().pay(again)
    assert.equal((await stage().audits(again)).paidWei, ETHER_WEI)
  })

  it('cannot alter one of them', async () => {
    const boot = await stage().active()
    const credit = signedOn(stage()).credit(REPORTER, 1)
    const dearer = { ...credit, amountWei: (2n * ETHER_WEI).toString() }
    await refuses(boot.call('credit_signed', { credits: [dearer] }), 'SIGNER_MISMATCH')
  })
})
