import { expect } from 'chai'
import fc from 'fast-check'
import { newDueIndex } from '../../../../enclave/core/due-index.ts'
import { chooseDue, dueTotal } from '../../../../enclave/core/payout.ts'
import { rebuildDue, type State } from '../../../../enclave/core/state.ts'
import { wei } from '../../../../enclave/protocol/money.ts'
import { aGovernedLog, credit, land } from '../../auditor/governed-log.ts'
import { addressOf, aPolicy, LogBuilder } from '../../auditor/log-builder.ts'
import { aChange, aCredit, PAYEES } from '../../auditor/signed-bodies.ts'

const BUDGET_WEI = wei(10n ** 24n)
const CHANGE_SECONDS = 72 * 3_600
/** Five accounts of three recipients: two of them share a window with another one. */
const RECIPIENTS = [0x11, 0x12, 0x13, 0x11, 0x12].map(addressOf)
const RUNS = 150

const tight = {
  windowSeconds: 600,
  recipientWindowWeiMax: wei(1_000n),
  payoutWeiMax: wei(700n),
  backoffSequencesMax: 2,
}

/** The same ledger with an index that has looked at nobody yet, as after a load. */
function fresh(state: State): State {
  const other = { ...state, due: newDueIndex() }
  rebuildDue(other)
  return other
}

type Step = (log: LogBuilder) => unknown
const mayPay = ({ state }: LogBuilder): boolean => chooseDue(fresh(state), BUDGET_WEI, state.at).length > 0
const aStep: fc.Arbitrary<Step> = fc.oneof(
  fc.integer({ min: 0, max: 700 }).map((seconds) => (log: LogBuilder) => log.wait(seconds)),
  fc.tuple(fc.integer({ min: 0, max: RECIPIENTS.length - 1 }), fc.integer({ min: 1, max: 900 })).map(
    ([at, amount]) =>
      (log: LogBuilder) =>
        log.lineOf(`orch-${at}`, `${amount}e-18`),
  ),
  fc.bigInt({ min: 0n, max: 7n }).map((bits) => (log: LogBuilder) => {
    if (mayPay(log)) log.pay().settle(bits & bitsOf(log))
  }),
)
const bitsOf = ({ state }: LogBuilder): bigint => 2n ** BigInt(state.unlanded?.payouts.length ?? 0) - 1n

describe('accounts that rest because their recipient has had what the window allows', () => {
  it('are paid in every second in which they would be without any rest', () => {
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 10, maxLength: 60 }), (steps) => {
        const roster = RECIPIENTS.map((recipient, at) => ({ id: `orch-${at}`, recipient }))
        const log = new LogBuilder({ roster, policy: aPolicy(tight) }).open()
        for (const at of RECIPIENTS.keys()) log.lineOf(`orch-${at}`, '5e-15')
        for (const step of steps) {
          step(log)
          for (const later of [0, 1, 599, 600, 601]) {
            const at = log.nowSeconds + later
            expect(dueTotal(log.state, at)).to.deep.equal(dueTotal(fresh(log.state), at))
            expect(chooseDue(log.state, BUDGET_WEI, at)).to.deep.equal(chooseDue(fresh(log.state), BUDGET_WEI, at))
          }
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('wake when their recipient is changed, whose window is another one', () => {
    const caps = { windowSeconds: 10 * 86_400, recipientWindowWeiMax: wei(1_000n) }
    const log = credit(aGovernedLog(caps).open(), aCredit({ wei: wei(5_000n) }))
      .pay()
      .settle(1n)
    expect(chooseDue(log.state, BUDGET_WEI, log.nowSeconds)).to.deep.equal([])
    land(log.put('register', aChange()), 100)
    expect(chooseDue(log.state, BUDGET_WEI, log.nowSeconds)).to.deep.equal([])
    const [payout] = chooseDue(log.state, BUDGET_WEI, log.nowSeconds + CHANGE_SECONDS)
    expect(payout?.recipient).to.equal(PAYEES[1].address)
  })
})
