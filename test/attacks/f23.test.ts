import { strict as assert } from 'node:assert'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT, wei } from '../../enclave/protocol/money.ts'
import { owedWei, REPORTER, signedOn, stored, useGovernedStage } from './governed.ts'
import { refuses, useStage } from './use-stage.ts'

const LARGEST_WEI = wei(AMOUNT_WEI_LIMIT - 1n)

describe('F23: one credit that fills the ledger, so that no other fits', () => {
  const reporters = [{ address: REPORTER.address, windowWeiMax: wei(2n ** 126n), lifetimeWeiMax: wei(2n ** 126n) }]
  const stage = useGovernedStage({ reporters })

  it('is below 2^96 wei, and the next one still counts', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    const amounts = [2n ** 128n - 1n, AMOUNT_WEI_LIMIT, LARGEST_WEI, 1n]
    const credits = amounts.map((amountWei, at) => by.credit(REPORTER, at + 1, { amountWei: wei(amountWei) }))
    const { outcomes } = await stored(boot, 'credit_signed', { credits })
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.code : outcome.kind)),
      ['AMOUNT_TOO_LARGE', 'AMOUNT_TOO_LARGE', 'applied', 'applied'],
    )
    assert.equal(await owedWei(boot, 'orch-0'), AMOUNT_WEI_LIMIT)
    await stage().pay(boot)
    await stage().audits(boot)
  })

  it('is no adjustment and no drain either', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await stored(boot, 'credit_signed', { credits: [by.credit(REPORTER, 1)] })
    const adjust = by.adjust({ adjustSeq: 1, orchestratorId: 'orch-0', deltaWei: AMOUNT_WEI_LIMIT })
    await refuses(boot.call('adjust', adjust), 'AMOUNT_TOO_LARGE')
    const drain = by.drain({ drainSeq: 1, amountWei: wei(AMOUNT_WEI_LIMIT) })
    await refuses(boot.call('drain', drain), 'AMOUNT_TOO_LARGE')
    await stored(boot, 'drain', by.drain({ drainSeq: 1, amountWei: LARGEST_WEI }))
    assert(BigInt((await boot.ledger()).creditedWei) < LEDGER_WEI_LIMIT)
  })
})

describe('F23: a ledger that is filled by its own rules', () => {
  const stage = useStage()

  it('cannot be asked for by a policy: its caps for life fit into the ledger, and a payout into its field', async () => {
    const boot = await stage().boot()
    const { policy, ...genesis } = stage().genesis as { readonly policy: Record<string, unknown> }
    const half = LEDGER_WEI_LIMIT / 2n
    const lifetimes = (journalWei: bigint, reporterWei: bigint) => {
      const capsOf = (lifetimeWei: bigint) => ({ windowWeiMax: '1', lifetimeWeiMax: lifetimeWei.toString() })
      return { journal: capsOf(journalWei), reporters: [{ address: REPORTER.address, ...capsOf(reporterWei) }] }
    }
    // What the policy allows is another genesis than the configuration's, and goes no further either.
    const asked = [
      [{ payoutWeiMax: AMOUNT_WEI_LIMIT.toString() }, 'POLICY_INVALID'],
      [{ payoutWeiMax: LARGEST_WEI.toString() }, 'GENESIS_HASH'],
      [lifetimes(half, half), 'POLICY_INVALID'],
      [lifetimes(half, half - 1n), 'GENESIS_HASH'],
    ] as const
    for (const [more, code] of asked) await refuses(boot.begin({ ...genesis, policy: { ...policy, ...more } }, 0), code)
    await boot.begin(stage().genesis, 0)
  })
})
