import { expect } from 'chai'
import { wei } from '../../../enclave/protocol/money.ts'
import { type PrepareDecision, type PrepareFacts, planPrepare } from '../../../workers/2-prepare/plan.ts'

const payable: PrepareFacts = {
  phase: 'active',
  stopped: false,
  unlanded: null,
  agrees: true,
  frozen: false,
  strategy: 'ticket',
  roundReady: true,
  dueAccounts: 2,
  dueWei: wei(50n),
  treasuryWei: wei(100n),
  payoutWeiMin: wei(10n),
  baseFeeWei: wei(1n),
  gasPriceWeiMax: wei(5n),
  sinceCommitMs: 60_000,
  cadenceMs: 600_000,
  payoutIntervalMs: 60_000,
  payoutsMin: 50,
  entriesNew: 3,
}
const old = { sinceCommitMs: 600_000 }

describe('plan of prepare', () => {
  it('pays with the whole treasury as budget when nothing stands against it', () => {
    expect(planPrepare(payable)).to.deep.equal({ kind: 'pay', budgetWei: 100n })
  })

  const table: readonly (readonly [string, Partial<PrepareFacts>, PrepareDecision])[] = [
    ['waits while an operator holds it', { stopped: true }, { kind: 'wait', why: 'stopped' }],
    ['waits in every phase but active', { phase: 'recovering' }, { kind: 'wait', why: 'phase' }],
    ['waits for the one unlanded commit', { unlanded: { live: true } }, { kind: 'wait', why: 'unlanded' }],
    ['signs an unlanded commit again that has nothing to send', { unlanded: { live: false } }, { kind: 'resign' }],
    [
      'signs nothing again while the heads differ',
      { unlanded: { live: false }, agrees: false },
      { kind: 'wait', why: 'head' },
    ],
    [
      'signs no tickets again in the gap between rounds',
      { unlanded: { live: false }, roundReady: false },
      { kind: 'wait', why: 'round' },
    ],
    [
      'signs transfers again whatever the round',
      { unlanded: { live: false }, roundReady: false, strategy: 'transfer' },
      { kind: 'resign' },
    ],
    ['prepares nothing while chain and ledger disagree', { agrees: false }, { kind: 'wait', why: 'head' }],
    ['prepares nothing on a frozen anchor', { frozen: true }, { kind: 'wait', why: 'frozen' }],
    ['prepares nothing above the gas price of policy', { baseFeeWei: wei(6n) }, { kind: 'wait', why: 'gas-price' }],
    ['gathers payouts until the interval has passed', { sinceCommitMs: 59_999 }, { kind: 'wait', why: 'pace' }],
    [
      'pays before the interval when enough accounts are due',
      { sinceCommitMs: 0, dueAccounts: 50 },
      { kind: 'pay', budgetWei: wei(100n) },
    ],
    ['waits for the round with payouts, young receipts', { roundReady: false }, { kind: 'wait', why: 'round' }],
    ['anchors receipts bare through a round gap once they are old', { roundReady: false, ...old }, { kind: 'bare' }],
    ['anchors receipts bare when the treasury is empty', { treasuryWei: wei(9n), ...old }, { kind: 'bare' }],
    ['waits for the treasury while receipts are young', { treasuryWei: wei(9n) }, { kind: 'wait', why: 'treasury' }],
    ['anchors bare when nothing is due and the cadence has passed', { dueAccounts: 0, ...old }, { kind: 'bare' }],
    [
      'makes no bare commit for the entries of the last commit alone',
      { dueAccounts: 0, entriesNew: 0, ...old },
      { kind: 'wait', why: 'nothing' },
    ],
    [
      'pays transfers whatever the round',
      { strategy: 'transfer', roundReady: false },
      { kind: 'pay', budgetWei: wei(100n) },
    ],
  ]
  for (const [title, change, decision] of table) {
    it(title, () => expect(planPrepare({ ...payable, ...change })).to.deep.equal(decision))
  }
})
