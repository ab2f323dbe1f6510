import { assert } from 'chai'
import { accounts } from '../../../auditor/replay.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import { codeOf } from '../../builders/refusals.ts'
import { aGovernedLog, credit, land } from './governed-log.ts'
import { ANCHOR, AUTHORITY, addressOf, BROKER, type LogBuilder } from './log-builder.ts'
import { firstFinding, refuses, replayOf } from './log-judge.ts'
import {
  ADMINS,
  aChange,
  aCredit,
  aDrain,
  aSuccession,
  byRecipient,
  byRegistrar,
  LATE,
  PAYEES,
  QUORUM,
  REGISTRAR,
  STRANGER,
} from './signed-bodies.ts'

const [first, second, third] = PAYEES
/** Index of the first entry after genesis and roster. */
const NEXT = 3
const WAIT_SECONDS = 72 * 3_600

describe('auditor: registrations with a registrar', () => {
  const own = (over: Parameters<typeof byRegistrar>[0] = {}) => ({
    id: 'new',
    account: 3,
    recipient: third.address,
    ...over,
  })
  const log = aGovernedLog({ deniedRecipients: [addressOf(0xdead)] })

  it('takes one that recipient and registrar signed, and refuses either signature by somebody else', () => {
    assert.equal(firstFinding(log.with('register', byRegistrar(own(), REGISTRAR, third))), 'clean')
    const forged = byRegistrar(own(), STRANGER, third)
    refuses(log.with('register', forged), NEXT, 'SIGNATURE_WRONG', 'new: registrar')
    const other = byRegistrar(own(), REGISTRAR, STRANGER)
    refuses(log.with('register', other), NEXT, 'SIGNATURE_WRONG', 'new: recipient')
  })

  it('refuses it where the policy takes no registrar', () => {
    const closed = aGovernedLog({ registration: { registrar: false, self: true, credit: true } })
    refuses(closed.with('register', byRegistrar(own(), REGISTRAR, third)), NEXT, 'REGISTRATION_DENIED', 'new')
  })

  it('refuses another number than the next one, and one later than its signers allowed', () => {
    for (const regSeq of [0, 2])
      refuses(log.with('register', byRegistrar(own({ regSeq }), REGISTRAR, third)), NEXT, 'COUNTER_ORDER')
    refuses(log.with('register', byRegistrar(own({ notAfter: 1 }), REGISTRAR, third)), NEXT, 'SIGNATURE_EXPIRED')
  })

  it('refuses an account that has a recipient, and a recipient that is never paid', () => {
    refuses(log.with('register', byRegistrar()), NEXT, 'RECIPIENT_PINNED', 'orch-a')
    for (const recipient of [ANCHOR, BROKER, AUTHORITY, addressOf(0xdead)]) {
      const body = { ...byRegistrar(own({ recipient }), REGISTRAR, third) }
      const codes = replayOf(log.with('register', body)).findings.list.map(({ code }) => code)
      assert.include(codes, 'RECIPIENT_INVALID')
    }
    const id = byRegistrar(own({ id: first.address }), REGISTRAR, third)
    refuses(log.with('register', id), NEXT, 'RECIPIENT_INVALID', first.address)
  })
})

describe('auditor: registrations by the recipient alone', () => {
  const owed = () => credit(aGovernedLog(), aCredit({ id: first.address, account: 3 }))
  const own = (over: Parameters<typeof byRecipient>[0] = {}) => byRecipient({ account: 3, ...over })

  it('takes one of an account whose id is the address that signs, and refuses a stranger', () => {
    assert.equal(firstFinding(owed().with('register', own())), 'clean')
    refuses(owed().with('register', byRecipient({ account: 3 }, STRANGER)), NEXT + 1, 'SIGNATURE_WRONG')
  })

  it('refuses it for another id, for an account that nothing is owed to, and where the policy closes it', () => {
    const other = credit(aGovernedLog(), aCredit({ id: 'other', account: 3 }))
    refuses(other.with('register', own({ id: 'other' })), NEXT + 1, 'REGISTRATION_DENIED', 'other: id')
    refuses(aGovernedLog().with('register', own()), NEXT, 'ACCOUNT_UNKNOWN', first.address)
    const closed = aGovernedLog({ registration: { registrar: true, self: false, credit: true } })
    credit(closed, aCredit({ id: first.address, account: 3 }))
    refuses(closed.with('register', own()), NEXT + 1, 'REGISTRATION_DENIED', first.address)
  })
})

describe('auditor: changes of recipient', () => {
  it('takes one that both signed, and refuses either signature by somebody else', () => {
    const log = aGovernedLog()
    assert.equal(firstFinding(log.with('register', aChange())), 'clean')
    refuses(log.with('register', aChange({}, { from: STRANGER })), NEXT, 'SIGNATURE_WRONG', 'orch-a: from')
    refuses(log.with('register', aChange({}, { to: STRANGER })), NEXT, 'SIGNATURE_WRONG', 'orch-a: to')
  })

  it('takes a quorum in the place of a lost owner, and refuses fewer, others, and both at once', () => {
    const log = aGovernedLog()
    assert.equal(firstFinding(log.with('register', aChange({}, { from: null, quorum: QUORUM }))), 'clean')
    for (const quorum of [[], [ADMINS[0]], [ADMINS[0], STRANGER], [ADMINS[0], ADMINS[0]], ADMINS])
      refuses(log.with('register', aChange({}, { from: null, quorum })), NEXT, 'QUORUM_WRONG')
    refuses(log.with('register', aChange({}, { quorum: QUORUM })), NEXT, 'QUORUM_WRONG', 'orch-a: signatures')
  })

  it('refuses a change from somebody who is not paid, of an id that is an address, and to one who is never paid', () => {
    const log = aGovernedLog()
    const from = aChange({ from: third.address }, { from: third })
    refuses(log.with('register', from), NEXT, 'RECIPIENT_MISMATCH', 'orch-a: from')
    const roster = [{ id: first.address, recipient: first.address }]
    refuses(aGovernedLog({}, { roster }).with('register', aChange({ id: first.address })), 2, 'RECIPIENT_INVALID')
    const denied = aGovernedLog({ deniedRecipients: [second.address] })
    refuses(denied.with('register', aChange()), NEXT, 'RECIPIENT_INVALID', 'orch-a')
  })

  it('refuses another number than the next one, and a change later than its signers allowed', () => {
    const log = aGovernedLog().put('register', aChange())
    assert.equal(firstFinding(log.with('register', aChange({ regSeq: 2 }))), 'clean')
    for (const regSeq of [1, 3]) refuses(log.with('register', aChange({ regSeq })), NEXT + 1, 'COUNTER_ORDER')
    refuses(log.with('register', aChange({ regSeq: 2, notAfter: 1 })), NEXT + 1, 'SIGNATURE_EXPIRED')
    assert.isAbove(LATE, log.nowSeconds)
  })

  it('takes the old and the new recipient in a signed credit while the change waits', () => {
    const log = aGovernedLog().put('register', aChange())
    for (const { address } of [first, second])
      assert.equal(firstFinding(log.with('credit', aCredit({ recipient: address }))), 'clean')
    refuses(log.with('credit', aCredit({ recipient: third.address })), NEXT + 1, 'RECIPIENT_MISMATCH')
  })
})

describe('auditor: the delay of a change', () => {
  const waiting = () => credit(aGovernedLog().open(), aCredit()).put('register', aChange())
  const pay = (log: LogBuilder, recipient: typeof first) =>
    log.with('reserve', {
      sequence: log.state.sequence + 1,
      payouts: [{ payoutId: 1, account: 1, recipient: recipient.address, wei: 1_000n as Wei, kind: 'transfer' }],
    })

  it('pays the old recipient after 99 headers or one second too few, and the new one after both', () => {
    const early = land(waiting(), 99).wait(WAIT_SECONDS)
    assert.equal(firstFinding(pay(early, first)), 'clean')
    refuses(pay(early, second), early.entries.length, 'PAYOUT_RECIPIENT')
    const ripe = land(waiting(), 100)
    const changedAt = 1_763_600_000 + 3
    ripe.wait(changedAt + WAIT_SECONDS - 2 - ripe.nowSeconds)
    assert.equal(firstFinding(pay(ripe, first)), 'clean')
    refuses(pay(ripe, second), ripe.entries.length, 'PAYOUT_RECIPIENT')
    ripe.wait(1)
    assert.equal(firstFinding(pay(ripe, second)), 'clean')
    refuses(pay(ripe, first), ripe.entries.length, 'PAYOUT_RECIPIENT')
  })

  it('follows the enclave through the change, and through one that was withdrawn', () => {
    const changed = land(waiting(), 100).wait(WAIT_SECONDS).pay()
    assert.equal(firstFinding(changed.entries), 'clean')
    assert.equal(accounts(replayOf(changed.entries))[1]?.recipient, second.address)
    const withdrawal = aChange({ recipient: first.address, regSeq: 2 }, { to: first })
    const kept = land(waiting().put('register', withdrawal), 100).wait(WAIT_SECONDS).pay()
    assert.equal(firstFinding(kept.entries), 'clean')
    assert.equal(accounts(replayOf(kept.entries))[1]?.recipient, first.address)
  })

  it('starts again when another change takes its place', () => {
    const again = aChange({ recipient: third.address, regSeq: 2 }, { to: third })
    const log = land(land(waiting(), 60).put('register', again), 60).wait(WAIT_SECONDS)
    assert.equal(firstFinding(pay(log, first)), 'clean')
    refuses(pay(log, second), log.entries.length, 'PAYOUT_RECIPIENT')
    refuses(pay(log, third), log.entries.length, 'PAYOUT_RECIPIENT')
    assert.equal(firstFinding(pay(land(log, 40), third)), 'clean')
  })

  it('never pays a recipient that the policy denies by then', () => {
    const log = land(waiting(), 100).wait(WAIT_SECONDS)
    log.put('policy', aSuccession(log.state.policy, { deniedRecipients: [second.address] }))
    refuses(pay(log, second), log.entries.length, 'PAYOUT_RECIPIENT')
  })
})

describe('auditor: the back-off of a recipient that was changed', () => {
  /** When each payout of an account that always fails is tried: the wait doubles every time. */
  const TRIES = [1, 3, 7, 15, 31, 63]
  const failing = (change: ReturnType<typeof aChange>) => {
    const log = credit(aGovernedLog({ backoffSequencesMax: 1_024 }).open(), aCredit()).put('register', change)
    for (let sequence = 1; sequence <= 100; sequence++)
      if (TRIES.includes(sequence)) log.pay().settle(0n)
      else log.bare().settle(null)
    return log.wait(WAIT_SECONDS)
  }
  const pay = (log: LogBuilder, recipient: typeof first, payoutId: number) =>
    log.with('reserve', {
      sequence: log.state.sequence + 1,
      payouts: [{ payoutId, account: 1, recipient: recipient.address, wei: 1_000n as Wei, kind: 'transfer' }],
    })

  it('ends with the change: the new one is tried at once, and waits for its own failures alone', () => {
    const log = failing(aChange()).pay().settle(0n)
    refuses(pay(log, second, 8), log.entries.length, 'PAYOUT_BACKOFF')
    log.bare().settle(null).pay().settle(1n)
    assert.equal(firstFinding(log.entries), 'clean')
    assert.equal(accounts(replayOf(log.entries))[1]?.paidWei, 10n ** 9n)
  })

  it('stays with a change that was withdrawn', () => {
    assert.equal(firstFinding(pay(failing(aChange()), second, 7)), 'clean')
    const withdrawn = failing(aChange({ recipient: first.address }, { to: first }))
    refuses(pay(withdrawn, first, 7), withdrawn.entries.length, 'PAYOUT_BACKOFF')
    assert.equal(
      codeOf(() => withdrawn.pay()),
      'NOTHING_DUE',
    )
  })

  it('of a treasury owner does not hold up his successor, though the payout was on its way', () => {
    const log = aGovernedLog().open().put('adjust', aDrain()).pay()
    log.put('policy', aSuccession(log.state.policy, { treasuryOwner: third.address }))
    log.settle(0n).pay().settle(1n)
    assert.equal(firstFinding(log.entries), 'clean')
    const { recipient, paidWei } = accounts(replayOf(log.entries))[0] ?? {}
    assert.deepEqual({ recipient, paidWei }, { recipient: third.address, paidWei: 1_000n })
    const same = aGovernedLog().open().put('adjust', aDrain()).pay().settle(0n)
    assert.equal(
      codeOf(() => same.pay()),
      'NOTHING_DUE',
    )
  })
})
