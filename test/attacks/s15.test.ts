import { strict as assert } from 'node:assert'
import { codeOfCall } from '../builders/refusals.ts'
import { FEES } from './boot.ts'
import { ETHER_WEI } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

const LINES = 20
const DEARER = { ...FEES, maxFeePerGasWei: '40000000' }

describe('S15: a transaction that is never mined', () => {
  const stage = useStage()

  it('stops no credit, and its replacement of a higher fee lands in its place, once', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const stuck = await boot.prepare()
    for (let line = 0; line < LINES; line++) await boot.credit('0.1', 'orch-1')
    assert.equal((await boot.ledger()).journalSize, 1 + LINES)

    for (let attempt = 0; attempt < 3; attempt++)
      assert.equal(await codeOfCall(boot.resign({ fees: DEARER })), 'accepted')
    const replacement = await boot.resign({ fees: DEARER })
    assert.deepEqual(replacement.headerHash, stuck.headerHash)
    assert.equal(replacement.accountNonce, stuck.accountNonce)
    assert.equal((await stage().send(replacement)).bitmap, 1n)
    reverted(await stage().relay(stuck), 'AnchorWrongSequence')
    await boot.confirm(stuck.sequence, 1n)

    await stage().pay(boot)
    assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-1')), ETHER_WEI)
    await stage().audits(boot)
  })

  it('is not signed for without end: the policy counts', async () => {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await boot.prepare()
    const answers: string[] = []
    for (let attempt = 0; attempt < 9; attempt++) answers.push(await codeOfCall(boot.resign({ fees: DEARER })))
    assert.deepEqual(answers, [...Array(7).fill('accepted'), 'SIGNATURES_SPENT', 'SIGNATURES_SPENT'])
  })
})
