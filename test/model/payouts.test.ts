import { expect } from 'chai'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { aLine, aPolicy, audited, FEES, ROUND, refusalOf } from '../builders/boot.ts'
import { aWorld, closeWorlds, credited } from '../builders/worlds.ts'

describe('payouts of the enclave', () => {
  after(closeWorlds)

  it('pays every due account once, and returns what did not land', () => {
    const boot = credited(aWorld())
    const commit = boot.prepare()
    expect(commit.payouts.map((payout: { orchestratorId: string }) => payout.orchestratorId)).to.deep.equal([
      'orch-0',
      'orch-1',
      'orch-2',
    ])
    const settled = boot.confirm(1, 0b101n)
    expect([settled.paidWei, settled.returnedWei]).to.deep.equal(['2000000000000000000', '1000000000000000000'])
    expect(audited(boot.entries).paidWei).to.equal(2n * 10n ** 18n)
  })

  it('refuses a second commit while one is unlanded', () => {
    const boot = credited(aWorld())
    boot.prepare()
    expect(refusalOf(() => boot.prepare())).to.equal('COMMIT_UNLANDED')
    expect(refusalOf(() => boot.prepare({ mode: 'bare' }))).to.equal('COMMIT_UNLANDED')
  })

  it('signs the same header again with a skip, another round, fee and nonce', () => {
    const boot = credited(aWorld())
    const first = boot.prepare()
    const again = boot.store('resign_commit', {
      skip: [1],
      round: { ...ROUND, number: 8 },
      fees: { ...FEES, maxFeePerGasWei: '2000000000' },
      accountNonce: 4,
    })
    expect(again.headerHash).to.deep.equal(first.headerHash)
    expect(again.payouts.map((payout: { skipped: boolean }) => payout.skipped)).to.deep.equal([false, true, false])
    expect(
      refusalOf(() => boot.call('resign_commit', { skip: [3], round: ROUND, fees: FEES, accountNonce: 0 })),
    ).to.equal('SKIP_INVALID')
  })

  it('stops signing one sequence at the number that policy allows', () => {
    const boot = credited(aWorld({ policy: aPolicy({ signaturesPerSequenceMax: 3 }) }))
    boot.prepare()
    const again = { skip: [], round: ROUND, fees: FEES, accountNonce: 0 }
    boot.call('resign_commit', again)
    boot.call('resign_commit', again)
    expect(refusalOf(() => boot.call('resign_commit', again))).to.equal('SIGNATURES_SPENT')
    boot.confirm(1, 0n)
  })

  it('signs no fee above the policy, for a commit as for a session', () => {
    const boot = credited(aWorld())
    const tooMuch = [
      { gas: 16_000_001 },
      { maxFeePerGasWei: '100000000001' },
      { maxPriorityFeePerGasWei: '1000000001' },
    ]
    for (const fee of tooMuch) {
      expect(
        refusalOf(() => boot.prepare({ fees: { ...FEES, ...fee } })),
        JSON.stringify(fee),
      ).to.equal('GAS_CAP')
      expect(
        refusalOf(() =>
          aWorld()
            .begun()
            .call('open_session', { accountNonce: 0, fees: { ...FEES, ...fee } }),
        ),
      ).to.equal('GAS_CAP')
    }
    expect(boot.ledger.unlanded).to.equal(null)
  })

  it('needs a round for tickets, and none for transfers', () => {
    const boot = credited(aWorld())
    for (const round of [null, { number: 0, hash: ROUND.hash }, { number: 7, hash: ZERO_HASH }]) {
      expect(refusalOf(() => boot.prepare({ round }))).to.equal('ROUND_INVALID')
    }
    const transfers = credited(aWorld({ policy: aPolicy({ strategy: 'transfer' }) }))
    expect(transfers.prepare({ round: null }).payouts[0].kind).to.equal('transfer')
  })

  it('keeps within budget, commit cap and payout cap, and goes on where it stopped', () => {
    const world = aWorld({ policy: aPolicy({ payoutWeiMax: wei(4n * 10n ** 17n), payoutsPerCommitMax: 2 }) })
    const boot = credited(world)
    const served: string[] = []
    for (let sequence = 1; sequence <= 3; sequence++) {
      const { payouts } = boot.prepare()
      served.push(...payouts.map((payout: { orchestratorId: string }) => payout.orchestratorId))
      boot.confirm(sequence, 0b11n)
    }
    expect(served).to.deep.equal(['orch-0', 'orch-1', 'orch-2', 'orch-0', 'orch-1', 'orch-2'])
    const poor = boot.prepare({ budgetWei: '1500000000000000' })
    expect(poor.payouts.map((payout: { amountWei: string }) => payout.amountWei)).to.deep.equal(['1500000000000000'])
    boot.confirm(4, 1n)
    expect(refusalOf(() => boot.prepare({ budgetWei: '999999999999999' }))).to.equal('NOTHING_DUE')
    audited(boot.entries)
  })

  it('lets an account that fails wait twice as long each time, up to the bound of the policy', () => {
    const boot = aWorld({ policy: aPolicy({ cadenceSeconds: 0, backoffSequencesMax: 4 }) }).active()
    boot.offer(aLine('orch-0', '1'))
    const tried: number[] = []
    for (let sequence = 1; sequence <= 20; sequence++) {
      boot.offer(aLine('orch-0', '0.1'))
      const due = boot.ledger.dueAccounts > 0
      if (due) tried.push(sequence)
      boot.prepare({ mode: due ? 'pay' : 'bare' })
      boot.confirm(sequence, due ? 0n : null)
    }
    expect(tried).to.deep.equal([1, 3, 7, 11, 15, 19])
    audited(boot.entries)
  })

  it('anchors without payouts when the cadence has passed, and not before', () => {
    const world = aWorld()
    const boot = credited(world)
    boot.prepare({ mode: 'bare', round: null })
    boot.confirm(1, null)
    expect(refusalOf(() => boot.prepare({ mode: 'bare' }))).to.equal('CADENCE_EARLY')
    world.nowSeconds += 60
    expect(boot.prepare({ mode: 'bare' }).mode).to.equal('bare')
  })

  it('confirms only the unlanded sequence, with a bitmap that fits it', () => {
    const boot = credited(aWorld())
    expect(refusalOf(() => boot.confirm(1, 0n))).to.equal('NO_UNLANDED_COMMIT')
    boot.prepare()
    expect(refusalOf(() => boot.confirm(2, 0n))).to.equal('SEQUENCE_MISMATCH')
    expect(refusalOf(() => boot.confirm(1, null))).to.equal('BITMAP_INVALID')
    expect(refusalOf(() => boot.confirm(1, 0b1000n))).to.equal('BITMAP_INVALID')
    boot.confirm(1, 0b111n)
  })

  it('lets time stand still when the clock goes back', () => {
    const world = aWorld()
    const boot = credited(world)
    const before = boot.ledger.at
    world.nowSeconds -= 1_000_000
    boot.offer(aLine('orch-0', '1'))
    expect(boot.ledger.at).to.equal(before)
    audited(boot.entries)
  })
})
