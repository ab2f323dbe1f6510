import { strict as assert } from 'node:assert'
import type { ReleasedRecord } from '../../enclave/protocol/method-results.ts'
import { REGISTRAR } from '../builders/governors.ts'
import { ALICE, REPORTER, signedOn, useGovernedStage } from './governed.ts'

describe('S28: a request that is repeated after a crash of the host', () => {
  const stage = useGovernedStage()

  it('is answered with the same bytes, and the log has neither a hole nor a double', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const requests = [
      ['credit_signed', { credits: [by.credit(REPORTER, 1)], receipts: true }],
      ['credit_batch', by.batch(REPORTER, 2, [{}, { orchestratorId: 'orch-1' }])],
      ['skip_sequence', by.skip(REPORTER, 4, 9)],
      ['register', by.register(ALICE, REGISTRAR)],
      ['adjust', by.adjust({ adjustSeq: 1, orchestratorId: 'orch-0', deltaWei: -1n })],
      ['drain', by.drain({ drainSeq: 1, amountWei: 5n as never })],
    ] as const
    for (const [method, params] of requests) {
      const first = await boot.call(method, params as never)
      // The host died before it stored anything; what it sends again is the same.
      const again = await boot.call(method, params as never)
      assert.deepEqual(again, first, method)
      await boot.keep((again as unknown as { records: readonly ReleasedRecord[] }).records)
    }
    await stage().pay(boot)
    await stage().audits(boot)
  })

  it('confirms once, however often it is repeated', async () => {
    const boot = await stage().active()
    await boot.keep((await boot.call('credit_signed', { credits: [signedOn(stage()).credit(REPORTER, 1)] })).records)
    const commit = await boot.prepare()
    const { bitmap } = await stage().send(commit)
    const confirm = { sequence: commit.sequence, bitmap: `0x${(bitmap ?? 0n).toString(16).padStart(64, '0')}` as const }
    const first = await boot.call('confirm_payout', confirm)
    assert.deepEqual(await boot.call('confirm_payout', confirm), first)
    await boot.keep(first.records)
    await stage().audits(boot)
  })
})
