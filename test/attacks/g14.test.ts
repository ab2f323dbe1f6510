import { strict as assert } from 'node:assert'
import { decodeEntry } from '../../enclave/protocol/entry.ts'
import { aLine } from '../builders/boot.ts'
import { REGISTRAR } from '../builders/governors.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { EVE, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

const LOOK_ALIKES = [' ', '0', '\u200b', '\u0000', 'treasury', '""']

describe('G14: an outflow to the treasury owner without a quorum', () => {
  describe('on a ledger of the journal', () => {
    const stage = useGovernedStage({ credits: 'host-trusted' })

    it('finds no journal line that credits him', async () => {
      const boot = await stage().active()
      const ids = ['', ...LOOK_ALIKES]
      const answer = await boot.offer(...ids.map((id) => aLine(id, '1')))
      assert.deepEqual(answer.kind === 'ack' && answer.refused, [{ line: 0, code: 'ORCHESTRATOR_ID' }])
      const { payouts } = await paidOf(boot)
      assert.deepEqual(payouts, [], 'look-alikes are accounts of their own, which nobody has registered')
      assert.equal(await codeOfCall(boot.call('balance', { orchestrator_id: '' })), 'ACCOUNT_UNKNOWN')
    })

    it('is credited by a drain alone, which a quorum signed', async () => {
      const by = signedOn(stage())
      const boot = await stage().active()
      const act = { drainSeq: 1, amountWei: ETHER_WEI as never }
      await refuses(boot.call('drain', by.drain(act, [EVE])), 'QUORUM_INVALID')
      await stored(boot, 'drain', by.drain(act))
      const { commit } = await stage().pay(boot)
      assert.deepEqual(
        commit.payouts.map(({ account, kind }) => [account, kind]),
        [[0, 'transfer']],
      )
      await stage().audits(boot)
    })

    /** Who would be paid now. */
    async function paidOf(boot: Awaited<ReturnType<ReturnType<typeof stage>['active']>>) {
      const credited = boot.entries.map(decodeEntry).filter((entry) => entry.type === 'credit')
      const zero = credited.filter((entry) => entry.type === 'credit' && entry.body.account === 0)
      assert.deepEqual(zero, [], 'no credit names account 0')
      assert.equal(await codeOfCall(boot.prepare()), 'NOTHING_DUE')
      return { payouts: zero }
    }
  })

  describe('on a ledger of reporters', () => {
    const stage = useGovernedStage()

    it('is named by no credit, no adjustment and no registration', async () => {
      const by = signedOn(stage())
      const boot = await stage().active()
      const nobody = { orchestratorId: '' }
      await refuses(boot.call('credit_signed', { credits: [by.credit(REPORTER, 1, nobody)] }), 'PARAMS_INVALID')
      await refuses(boot.call('credit_batch', by.batch(REPORTER, 1, [nobody])), 'PARAMS_INVALID')
      await refuses(boot.call('adjust', by.adjust({ adjustSeq: 1, ...nobody, deltaWei: 1n })), 'PARAMS_INVALID')
      await refuses(boot.call('register', by.register(EVE, REGISTRAR, nobody)), 'PARAMS_INVALID')
    })
  })
})
