import { strict as assert } from 'node:assert'
import { anAddress } from '../builders/boot.ts'
import { signedFor } from '../builders/governors.ts'
import { OTHER_REPORTER, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { refuses } from './use-stage.ts'

describe('S18: a signed credit used where or when it was not meant', () => {
  const stage = useGovernedStage()

  it('is refused by another ledger, chain or anchor', async () => {
    const boot = await stage().active()
    const { chainId } = stage().configuration as { chainId: number }
    const elsewhere = [
      { chainId: chainId + 1, anchor: stage().anchor },
      { chainId, anchor: anAddress(0xa2) },
    ]
    for (const ledger of elsewhere) {
      const credits = [signedFor(ledger).credit(REPORTER, 1)]
      await refuses(boot.call('credit_signed', { credits }), 'SIGNER_MISMATCH')
    }
    await stored(boot, 'credit_signed', { credits: [signedOn(stage()).credit(REPORTER, 1)] })
  })

  it('is not taken after its end, and leaves its number free', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const { at } = await boot.ledger()
    const late = await boot.call('credit_signed', { credits: [by.credit(REPORTER, 1, { notAfter: at - 1 })] })
    assert.equal(late.outcomes[0]?.kind, 'expired')
    await refuses(boot.call('credit_batch', by.batch(REPORTER, 1, [{}], at - 1)), 'SIGNATURE_EXPIRED')
    const again = await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    assert.equal(again.outcomes[0]?.kind, 'applied')
  })

  it('carries no field that could be changed afterwards', async () => {
    const boot = await stage().active()
    const credit = signedOn(stage()).credit(REPORTER, 1)
    const flips = [
      { orchestratorId: 'orch-1' },
      { recipient: anAddress(7) },
      { amountWei: '1' },
      { eventId: 'other' },
      { workHash: `0x${'01'.repeat(32)}` },
      { notAfter: credit.notAfter + 1 },
      { rseq: 2 },
      { reporter: OTHER_REPORTER.address },
    ]
    for (const flip of flips)
      await refuses(boot.call('credit_signed', { credits: [{ ...credit, ...flip }] }), 'SIGNER_MISMATCH')
  })
})
