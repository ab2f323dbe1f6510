import { expect } from 'chai'
import { wei } from '../../../../enclave/protocol/money.ts'
import { attackOf, mustFail } from '../../../../scripts/start/attacks/attack.ts'
import { allHold, type Figures, reconcile, shipped } from '../../../../scripts/start/reconcile.ts'
import { printTable, rowsOf } from '../../../../scripts/start/table.ts'

const HELD = attackOf('a cloned enclave', [mustFail('pay', ['AnchorBadSignature'], 'AnchorBadSignature')], {
  before: wei(60n),
  after: wei(60n),
  paidWei: 0n,
})

/** A ledger that paid 40 wei of 100 and agrees with everybody. */
function honest(): Figures {
  return {
    log: {
      lines: 13,
      credits: 10,
      adjustments: 1,
      negativeAdjustments: 1,
      refused: [
        ['OVERDRAW', 1],
        ['LINE_NOT_JSON', 1],
      ],
      creditedWei: 100n,
      paidWei: 40n,
      payingCommits: 2,
      bareCommits: 1,
      voided: 0,
      payoutsPaid: 3,
      payoutsReturned: 1,
      orchestratorsPaid: 2,
      returnedIds: ['orch-x'],
      ids: ['a', 'b', 'orch-x'],
      withoutRecipient: ['b'],
    },
    chain: {
      head: '0x01' as never,
      sequence: 3,
      epoch: 1,
      treasuryWei: 60n,
      floatWei: 5n,
      commits: 3,
      payingCommits: 2,
      payoutsPaid: 3,
      paidWei: 40n,
      gas: 300_000n,
      calldataBytes: 700,
      payoutsCarried: 4,
    },
    enclave: {
      head: '0x01',
      sequence: 3,
      journalSize: 13,
      creditedWei: 100n,
      paidWei: 40n,
      reservedWei: 0n,
      balancesWei: 60n,
      balancesReservedWei: 0n,
      accountsWithoutRecipient: 1,
    },
    audit: {
      verdict: 'clean',
      sequence: 3,
      commits: 3,
      creditedWei: 100n,
      paidWei: 40n,
      fundedWei: 100n,
      outflowWei: 40n,
      balanceWei: 60n,
    },
    journalLines: 13,
    attacks: [HELD],
    liveHeads: { before: '0x01', after: '0x01' },
    roundsWhileDue: 1,
    faults: { dropped: 1, doubled: 1 },
  }
}

type Part = 'log' | 'chain' | 'enclave' | 'audit'

/** Every figure that a comparison rests on, and a wrong value for it. */
const WRONG: readonly (readonly [Part, string, unknown])[] = [
  ['log', 'lines', 12],
  ['log', 'credits', 9],
  ['log', 'adjustments', 0],
  ['log', 'refused', [['OVERDRAW', 1]]],
  ['log', 'creditedWei', 101n],
  ['log', 'paidWei', 39n],
  ['log', 'payingCommits', 3],
  ['log', 'bareCommits', 0],
  ['log', 'payoutsPaid', 4],
  ['chain', 'head', '0x02'],
  ['chain', 'sequence', 4],
  ['chain', 'treasuryWei', 59n],
  ['chain', 'commits', 4],
  ['chain', 'payingCommits', 1],
  ['chain', 'payoutsPaid', 2],
  ['chain', 'paidWei', 41n],
  ['enclave', 'journalSize', 14],
  ['enclave', 'creditedWei', 99n],
  ['enclave', 'paidWei', 41n],
  ['enclave', 'reservedWei', 1n],
  ['enclave', 'balancesWei', 61n],
  ['enclave', 'balancesReservedWei', 1n],
  ['audit', 'verdict', 'findings'],
  ['audit', 'sequence', 2],
  ['audit', 'paidWei', 41n],
  ['audit', 'fundedWei', 99n],
  ['audit', 'outflowWei', 41n],
  ['audit', 'balanceWei', 61n],
]

describe('reconciliation', () => {
  it('holds when chain, log, enclave and auditor agree', () => {
    expect(reconcile(honest()).filter(({ holds }) => !holds)).to.deep.equal([])
    expect(allHold(reconcile(honest()))).to.equal(true)
  })

  for (const [part, field, value] of WRONG) {
    it(`fails when ${field} of ${part} alone is wrong`, () => {
      const figures = honest()
      const changed = { ...figures, [part]: { ...figures[part], [field]: value } }
      expect(allHold(reconcile(changed))).to.equal(false)
    })
  }

  it('fails when the journal holds a line that was not read', () => {
    expect(allHold(reconcile({ ...honest(), journalLines: 14 }))).to.equal(false)
  })

  it('fails when an attack lost a wei, was not refused, or moved the live head', () => {
    const lost = attackOf('x', HELD.tries, { before: wei(60n), after: wei(59n), paidWei: 0n })
    const landed = attackOf('x', [mustFail('pay', ['AnchorStaleHead'], 'landed')], {
      before: wei(1n),
      after: wei(1n),
      paidWei: 0n,
    })
    expect(lost.held).to.equal(false)
    expect(allHold(reconcile({ ...honest(), attacks: [lost] }))).to.equal(false)
    expect(allHold(reconcile({ ...honest(), attacks: [landed] }))).to.equal(false)
    expect(allHold(reconcile({ ...honest(), liveHeads: { before: '0x01', after: '0x02' } }))).to.equal(false)
  })

  it('counts an attack that tried nothing as not refused', () => {
    expect(attackOf('x', [], { before: wei(1n), after: wei(1n), paidWei: 0n }).held).to.equal(false)
  })

  it('does not hold over no comparison at all', () => {
    expect(allHold([])).to.equal(false)
  })

  it('asks the shipped journal for twenty paying commits, a turn of a round, a lost and a doubled broadcast', () => {
    const broken = shipped(honest()).filter(({ holds }) => !holds)
    expect(broken.map(({ claim }) => claim)).to.deep.equal(['commits that pay', 'kinds of refusal'])
    const faultless = shipped({ ...honest(), faults: { dropped: 0, doubled: 0 }, roundsWhileDue: 0 })
    expect(faultless.filter(({ holds }) => !holds)).to.have.length(5)
  })
})

describe('table of a start', () => {
  it('names the comparison that fails, with both figures', () => {
    const figures = { ...honest(), journalLines: 14 }
    const text = printTable(rowsOf(figures, reconcile(figures)))
    expect(text).to.match(/DOES NOT RECONCILE/)
    expect(text).to.match(/expected 14, got 13/)
  })

  it('divides gas and calldata by payouts paid, without a float', () => {
    const rows = new Map(rowsOf(honest(), reconcile(honest())))
    expect(rows.get('gas per payout')).to.equal('100,000.0')
    expect(rows.get('calldata per payout')).to.equal('233.3 bytes')
  })
})
