import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { Boot } from './boot.ts'
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
    assert.deepEqual(refusedIn(boot), ['3 CREDIT_CAP', '4 CREDIT_CAP'])
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

describe('S29: a meter that counts too much for years', () => {
  const caps = { windowWeiMax: wei(9n * ETHER_WEI), lifetimeWeiMax: wei(2n * ETHER_WEI) }
  const stage = useGovernedStage({ reporters: [{ address: REPORTER.address, ...caps }] })

  it('brings no more than its reporter’s cap for life, one by one or as a batch', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const batch = await stored(boot, 'credit_batch', by.batch(REPORTER, 2, [{}, {}]))
    assert.deepEqual(batch.kind === 'ack' && batch.refused, [{ rseq: 3, code: 'CREDIT_CAP' }])
    const { outcomes } = await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 4)] })
    assert.equal(outcomes[0]?.kind === 'refused' && outcomes[0].code, 'CREDIT_CAP')
    assert.equal(await owedWei(boot, 'orch-0'), 2n * ETHER_WEI)
    assert.deepEqual(refusedIn(boot), ['4 CREDIT_CAP'])
  })
})

/** What the log records of single credits that do not count: number and code. */
function refusedIn(boot: Boot): string[] {
  return boot.entries
    .map((bytes) => decodeEntry(bytes))
    .flatMap(({ type, body }) => {
      const { rseq, code } = body as { readonly rseq: number; readonly code: string }
      return type === 'refuse' ? [`${rseq} ${code}`] : []
    })
}
