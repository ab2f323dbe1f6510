import { assert } from 'chai'
import { summary } from '../../../auditor/replay.ts'
import type { Address } from '../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import { aGovernedLog } from './governed-log.ts'
import { ANCHOR, aPolicy, LogBuilder } from './log-builder.ts'
import { firstFinding, refuses, replayOf } from './log-judge.ts'
import { aSuccession, PAYEES } from './signed-bodies.ts'

const [first, second] = PAYEES.map(({ address }) => address) as [Address, Address]
const HOSTED = { credits: 'host-trusted', windowSeconds: 100 } as const

/** A commit of these [account, wei], paid to whom the accounts name. */
function reserve(log: LogBuilder, ...owed: readonly (readonly [number, bigint])[]): Uint8Array[] {
  const payouts = owed.map(([account, wei], at) => ({
    payoutId: log.state.nextPayoutId + at,
    account,
    recipient: log.state.accounts[account]?.recipient ?? ANCHOR,
    wei: wei as Wei,
    kind: 'transfer' as const,
  }))
  return log.with('reserve', { sequence: log.state.sequence + 1, payouts })
}

describe('auditor: the window of one recipient', () => {
  const policy = { ...HOSTED, recipientWindowWeiMax: 1_000n as Wei, payoutWeiMax: 600n as Wei }
  /** 600 wei were paid to the first payee. */
  const paid = (bits = 1n) => aGovernedLog(policy).lineOf('orch-a', '1').open().pay().settle(bits)

  it('takes what the enclave pays until the cap, and refuses one wei more', () => {
    const log = paid()
    assert.equal(firstFinding(reserve(log, [1, 400n])), 'clean')
    refuses(reserve(log, [1, 401n]), log.entries.length, 'PAYOUT_WINDOW', `recipient ${first}`)
    log.pay()
    assert.equal(firstFinding(log.entries), 'clean')
    assert.equal(log.state.unlanded?.payouts[0]?.wei, 400n)
  })

  it('counts for the whole width from the settle entry on, and not a second longer', () => {
    const early = paid().wait(98)
    refuses(reserve(early, [1, 401n]), early.entries.length, 'PAYOUT_WINDOW')
    assert.equal(firstFinding(reserve(paid().wait(99), [1, 401n])), 'clean')
  })

  it('counts nothing that did not reach the recipient', () => {
    const failed = paid(0n)
    failed.bare().settle(null).bare().settle(null)
    assert.equal(firstFinding(reserve(failed, [1, 600n])), 'clean')
    const voided = aGovernedLog(policy).lineOf('orch-a', '1').open().pay().void()
    assert.equal(firstFinding(reserve(voided, [1, 600n])), 'clean')
  })

  it('adds up two accounts of one recipient, in one commit too', () => {
    const roster = [
      { id: 'orch-a', recipient: first },
      { id: 'orch-b', recipient: first },
    ]
    const log = aGovernedLog(policy, { roster }).lineOf('orch-a', '1').lineOf('orch-b', '1').open()
    assert.equal(firstFinding(reserve(log, [1, 600n], [2, 400n])), 'clean')
    refuses(reserve(log, [1, 600n], [2, 401n]), log.entries.length, 'PAYOUT_WINDOW', `recipient ${first}`)
    assert.equal(firstFinding(log.pay().entries), 'clean')
  })
})

describe('auditor: the window of all recipients', () => {
  const policy = { ...HOSTED, rollingWeiMax: 1_000n as Wei, payoutWeiMax: 600n as Wei }
  const owed = () => aGovernedLog(policy).lineOf('orch-a', '1').lineOf('orch-b', '1').open()

  it('takes what the enclave pays until the cap, and refuses one wei more', () => {
    assert.equal(firstFinding(reserve(owed(), [1, 600n], [2, 400n])), 'clean')
    const log = owed()
    refuses(reserve(log, [1, 600n], [2, 401n]), log.entries.length, 'PAYOUT_WINDOW', 'all recipients')
    assert.equal(firstFinding(log.pay().settle(3n).wait(100).pay().entries), 'clean')
  })

  it('refuses a payout to anyone once the cap is paid, until the window has passed', () => {
    const log = owed().pay().settle(3n)
    refuses(reserve(log, [1, 100n]), log.entries.length, 'PAYOUT_WINDOW', 'all recipients')
    assert.equal(firstFinding(reserve(log.wait(100), [1, 600n])), 'clean')
  })

  it('judges by the width and cap of the policy in force', () => {
    const log = owed().pay().settle(3n)
    log.put('policy', aSuccession(log.state.policy, { rollingWeiMax: 1_100n as Wei }))
    assert.equal(firstFinding(reserve(log, [1, 100n])), 'clean')
    refuses(reserve(log, [1, 101n]), log.entries.length, 'PAYOUT_WINDOW', 'all recipients')
  })
})

describe('auditor: denied recipients', () => {
  it('refuses to pay one that was denied after it was pinned, and pays the others', () => {
    const log = aGovernedLog(HOSTED).lineOf('orch-a', '1').lineOf('orch-b', '1').open()
    assert.equal(firstFinding(reserve(log, [1, 1_000n])), 'clean')
    log.put('policy', aSuccession(log.state.policy, { deniedRecipients: [first] }))
    refuses(reserve(log, [1, 1_000n]), log.entries.length, 'PAYOUT_RECIPIENT', 'payout 1')
    assert.equal(firstFinding(log.pay().entries), 'clean')
    assert.deepEqual(
      log.state.unlanded?.payouts.map(({ recipient }) => recipient),
      [second],
    )
  })
})

describe('auditor: caps of the journal', () => {
  const journal = { windowWeiMax: (10n ** 18n) as Wei, lifetimeWeiMax: (15n * 10n ** 17n) as Wei }
  const log = () => new LogBuilder({ policy: aPolicy({ journal, windowSeconds: 100 }) }).lineOf('a', '0.6')
  /** The same line as the core would credit it without caps. */
  const beyond = (before: LogBuilder, ether: string) => {
    const free = new LogBuilder({ policy: aPolicy({ windowSeconds: 100 }) }).lineOf('a', '0.6')
    free.wait(before.nowSeconds - free.nowSeconds).lineOf('a', ether)
    return [...before.entries, free.entries.at(-1) as Uint8Array]
  }

  it('takes a window to the last wei, and refuses one more', () => {
    assert.equal(firstFinding(beyond(log(), '0.4')), 'clean')
    refuses(beyond(log(), '0.400000000000000001'), 2, 'CREDIT_CAP', 'window')
  })

  it('takes more when the window has passed, until the lifetime cap', () => {
    assert.equal(firstFinding(beyond(log().wait(99), '0.9')), 'clean')
    refuses(beyond(log().wait(98), '0.9'), 2, 'CREDIT_CAP', 'window')
    refuses(beyond(log().wait(99), '0.900000000000000001'), 2, 'CREDIT_CAP', 'lifetime')
  })

  it('takes the line that the enclave refuses for its caps, and shows it', () => {
    const refused = log().lineOf('a', '0.5')
    assert.equal(firstFinding(refused.entries), 'clean')
    assert.deepEqual(summary(replayOf(refused.entries)).ledger?.refusals, { CREDIT_CAP: 1 })
  })

  it('is not widened by an adjustment that takes a credit back', () => {
    const back = log().lineOf('a', '-0.6').lineOf('a', '0.5')
    assert.equal(firstFinding(back.entries), 'clean')
    assert.deepEqual(summary(replayOf(back.entries)).ledger?.refusals, { CREDIT_CAP: 1 })
  })

  it('does not count openings', () => {
    const openings = [{ id: 'a', wei: (10n ** 18n) as Wei, recipient: null }]
    const carried = new LogBuilder({ policy: aPolicy({ journal }), openings }).lineOf('a', '1')
    assert.equal(firstFinding(carried.entries), 'clean')
    assert.deepEqual(summary(replayOf(carried.entries)).ledger?.refusals, {})
  })
})
