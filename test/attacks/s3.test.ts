import { strict as assert } from 'node:assert'
import { FEES } from './boot.ts'
import { ETHER_WEI, type Stage } from './stage.ts'
import { reverted, useStage } from './use-stage.ts'

type Crash = { readonly after: string; readonly leaves: (stage: Stage) => ReturnType<typeof paying> }

/** An enclave with one credit, and everything stored so far. */
async function paying(stage: Stage) {
  const boot = await stage.active()
  await boot.credit('1', 'orch-0')
  return { boot, late: async (): Promise<void> => undefined }
}

/** What each crash leaves behind; `late` is what the attacker still has in hand. */
const CRASHES: readonly Crash[] = [
  {
    after: 'a commit was signed and its reply was lost',
    leaves: async (stage) => {
      const { boot } = await paying(stage)
      const { number, hash } = await stage.round()
      const asked = { budgetWei: `${ETHER_WEI}`, round: { number, hash }, fees: FEES, accountNonce: 1 }
      const commit = await boot.call('prepare_commit', asked)
      return { boot, late: async () => reverted(await stage.relay(commit), 'AnchorWrongEpoch') }
    },
  },
  {
    after: 'a commit was stored and not broadcast',
    leaves: async (stage) => {
      const { boot } = await paying(stage)
      const commit = await boot.prepare()
      return { boot, late: async () => reverted(await stage.relay(commit), 'AnchorWrongEpoch') }
    },
  },
  {
    after: 'a commit landed and nobody said so',
    leaves: async (stage) => {
      const { boot } = await paying(stage)
      const commit = await boot.prepare()
      assert.equal((await stage.relay(commit)).landed, true)
      return { boot, late: async () => reverted(await stage.relay(commit), 'AnchorWrongEpoch') }
    },
  },
  {
    after: 'a commit was confirmed and the confirmation was not stored',
    leaves: async (stage) => {
      const { boot } = await paying(stage)
      const stored = (await stage.pay(boot)).commit
      boot.kept.pop()
      return { boot, late: async () => reverted(await stage.relay(stored), 'AnchorWrongEpoch') }
    },
  },
]

describe('S3: a crash on the way of a payout', () => {
  const stage = useStage()

  for (const { after: moment, leaves } of CRASHES)
    it(`pays once when it comes after ${moment}`, async () => {
      const { boot, late } = await leaves(stage())
      await boot.kill()
      const again = await stage().reloaded(boot.kept)
      const { dueAccounts } = await again.ledger()
      if (dueAccounts > 0) await stage().pay(again)
      await late()
      assert.equal(await stage().ticketsPaidWei(stage().recipientOf('orch-0')), ETHER_WEI)
      const { paid_wei, balance_wei } = await again.call('balance', { orchestrator_id: 'orch-0' })
      assert.deepEqual({ paid_wei, balance_wei }, { paid_wei: ETHER_WEI, balance_wei: 0n })
      await stage().audits(again)
    })
})
