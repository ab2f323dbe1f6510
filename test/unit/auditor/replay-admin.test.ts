import { assert } from 'chai'
import { summary } from '../../../auditor/replay.ts'
import type { Body, EntryType } from '../../../enclave/protocol/entry.ts'
import { type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import type { Policy } from '../../../enclave/protocol/policy.ts'
import { aGovernedLog, aGovernedPolicy, credit } from './governed-log.ts'
import { ANCHOR, AUTHORITY, addressOf, hashOf, type LogBuilder } from './log-builder.ts'
import { firstFinding, refuses, replayOf } from './log-judge.ts'
import {
  ADMINS,
  aCredit,
  aDrain,
  anAdjust,
  aReset,
  aRotation,
  aSuccession,
  QUORUM,
  type Signer,
  STRANGER,
} from './signed-bodies.ts'

/** Index of the first entry after genesis and roster. */
const NEXT = 3
const EMPTY = { atSize: 0, atHead: ZERO_HASH }

describe('auditor: the quorum of an admin act', () => {
  const policy = aGovernedPolicy()
  const acts: [string, EntryType, (signers: readonly Signer[]) => Body<EntryType>][] = [
    ['policy', 'policy', (signers) => aSuccession(policy, { gasMax: 1 }, {}, signers)],
    ['adjust', 'adjust', (signers) => anAdjust({ delta: 5n }, signers)],
    ['drain', 'adjust', (signers) => aDrain({}, signers)],
    ['reset', 'reset', (signers) => aReset(EMPTY, {}, signers)],
    ['rotate', 'rotate', (signers) => aRotation(anotherEnclave(), {}, signers)],
  ]
  const wrong: [string, readonly Signer[]][] = [
    ['none', []],
    ['one too few', [ADMINS[0]]],
    ['one too many', ADMINS],
    ['one twice', [ADMINS[0], ADMINS[0]]],
    ['a stranger', [ADMINS[0], STRANGER]],
    ['another order', [ADMINS[1], ADMINS[0]]],
  ]
  for (const [name, type, make] of acts) {
    it(`takes a ${name} by exactly two of three, and refuses any other signers`, () => {
      const log = aGovernedLog()
      for (const signers of [QUORUM, [ADMINS[0], ADMINS[2]], ADMINS.slice(1)])
        assert.equal(firstFinding(log.with(type, make(signers))), 'clean')
      for (const [label, signers] of wrong) {
        assert.equal(firstFinding(log.with(type, make(signers))), `${NEXT} QUORUM_WRONG ${name}`, label)
      }
    })

    it(`refuses a ${name} where the policy names no admins`, () => {
      const nobody = { admins: [], quorum: 0 }
      const log = aGovernedLog(nobody)
      for (const signers of [[], QUORUM]) {
        const codes = replayOf(log.with(type, make(signers))).findings.list.map(({ code }) => code)
        assert.include(codes, 'QUORUM_WRONG')
      }
    })
  }

  it('asks the admins in force, not those of genesis', () => {
    const log = aGovernedLog()
    const heir = [ADMINS[2]]
    log.put('policy', aSuccession(log.state.policy, { admins: heir.map(({ address }) => address), quorum: 1 }))
    assert.equal(firstFinding(log.with('adjust', aDrain({}, heir))), 'clean')
    refuses(log.with('adjust', aDrain()), NEXT + 1, 'QUORUM_WRONG', 'drain')
  })
})

describe('auditor: succession of policies', () => {
  const log = aGovernedLog()
  const before = log.state.policy
  const next = (changes: Partial<Policy>, over: Partial<Body<'policy'>> = {}) =>
    log.with('policy', aSuccession(before, changes, over))

  it('takes the next version, and refuses one left out, one again, another predecessor and a late one', () => {
    assert.equal(firstFinding(next({ gasMax: 1 })), 'clean')
    for (const version of [1, 3]) refuses(next({}, { version }), NEXT, 'COUNTER_ORDER', 'policy version')
    refuses(next({}, { prevPolicyHash: hashOf(1) }), NEXT, 'POLICY_SUCCESSION', 'prevPolicyHash')
    refuses(next({}, { notAfter: 1 }), NEXT, 'SIGNATURE_EXPIRED', 'policy')
  })

  it('refuses a hash that is not that of the policy beside it', () => {
    refuses(next({}, { policyHash: hashOf(1) }), NEXT, 'POLICY_FIELD', 'policyHash')
  })

  it('refuses another chain, anchor or broker, and a closed journal opened again', () => {
    const changes: [string, Partial<Policy>][] = [
      ['chainId', { chainId: 1 }],
      ['anchor', { anchor: addressOf(0x99) }],
      ['broker', { broker: addressOf(0x99) }],
      ['credits', { credits: 'host-trusted' }],
      ['treasuryOwner', { treasuryOwner: ANCHOR }],
      ['treasuryOwner', { treasuryOwner: AUTHORITY }],
      ['policy', { payoutWeiMin: 2n as Wei, payoutWeiMax: 1n as Wei }],
      ['policy', { quorum: 4 }],
    ]
    for (const [subject, change] of changes) refuses(next(change), NEXT, 'POLICY_FIELD', subject)
    const open = aGovernedLog({ credits: 'host-trusted' })
    assert.equal(firstFinding(open.with('policy', aSuccession(open.state.policy, { credits: 'signed' }))), 'clean')
  })

  it('judges the treasury owner by the new policy, which may forgive an address that was denied', () => {
    const owner = addressOf(0xe2)
    const denied = aGovernedLog({ deniedRecipients: [owner] })
    const become = (deniedRecipients: Policy['deniedRecipients']) =>
      denied.with('policy', aSuccession(denied.state.policy, { treasuryOwner: owner, deniedRecipients }))
    assert.equal(firstFinding(become([])), 'clean')
    refuses(become([owner]), NEXT, 'POLICY_FIELD', 'treasuryOwner')
  })

  it('closes the journal from the very next entry on, refused lines too', () => {
    const open = aGovernedLog({ credits: 'host-trusted' }).lineOf('orch-a', '1').raw('not json\n')
    assert.equal(firstFinding(open.entries), 'clean')
    open.put('policy', aSuccession(open.state.policy, { credits: 'signed' }))
    refuses([...open.entries, ...open.raw('not json\n').entries.slice(-1)], NEXT + 3, 'JOURNAL_ROUTE', 'refuse')
  })

  it('asks for the version and hash in force in the next header', () => {
    const own = aGovernedLog().open()
    own.put('policy', aSuccession(own.state.policy, { gasMax: 1 })).bare()
    assert.equal(firstFinding(own.entries), 'clean')
    const header = own.state.lastHeader
    assert.equal(header?.policyVersion, 2)
    assert.equal(header?.policyHash, summary(replayOf(own.entries)).ledger?.policyHash)
  })

  it('judges a payout by the policy in force, not by that of genesis', () => {
    const own = credit(aGovernedLog().open(), aCredit())
    const before = own.state.policy
    const [payout] = [{ payoutId: 1, account: 1, recipient: own.state.accounts[1]?.recipient ?? ZERO_ADDRESS }]
    const reserve = (wei: bigint, kind: 'ticket' | 'transfer' = 'transfer') =>
      own.with('reserve', { sequence: 1, payouts: [{ ...payout, wei: wei as Wei, kind }] })
    assert.equal(firstFinding(reserve(1_000n)), 'clean')
    own.put('policy', aSuccession(before, { payoutWeiMax: 999n as Wei, strategy: 'ticket' }))
    assert.equal(firstFinding(reserve(999n, 'ticket')), 'clean')
    refuses(reserve(1_000n, 'ticket'), own.entries.length, 'PAYOUT_AMOUNT')
    refuses(reserve(999n), own.entries.length, 'PAYOUT_KIND')
  })
})

describe('auditor: adjustments by a quorum', () => {
  const log = () => credit(aGovernedLog(), aCredit({ wei: 100n as Wei }))
  const adjust = (over: Parameters<typeof anAdjust>[0]) => log().with('adjust', anAdjust(over))

  it('takes one up and down to the last wei, and refuses one more', () => {
    assert.equal(firstFinding(adjust({ delta: 7n })), 'clean')
    assert.equal(firstFinding(adjust({ delta: -100n })), 'clean')
    refuses(adjust({ delta: -101n }), NEXT + 1, 'ADJUST_OVERDRAW', 'orch-a')
  })

  it('refuses nothing, 2^96 wei, an unknown account, another index, another number and a late one', () => {
    for (const delta of [0n, 2n ** 96n, -(2n ** 96n)]) refuses(adjust({ delta }), NEXT + 1, 'AMOUNT_RANGE')
    refuses(adjust({ id: 'nobody' }), NEXT + 1, 'ACCOUNT_UNKNOWN', 'nobody')
    refuses(adjust({ account: 2 }), NEXT + 1, 'ACCOUNT_INDEX', 'orch-a')
    for (const adjustSeq of [0, 2]) refuses(adjust({ adjustSeq }), NEXT + 1, 'COUNTER_ORDER', 'adjustSeq')
    refuses(adjust({ notAfter: 1 }), NEXT + 1, 'SIGNATURE_EXPIRED', 'adjust')
  })
})

describe('auditor: drains', () => {
  const drained = () => credit(aGovernedLog().open(), aCredit()).put('adjust', aDrain())
  const first = aGovernedLog()

  it('refuses another account than 0, nothing, 2^96 wei, another number and a late one', () => {
    const drain = (over: Parameters<typeof aDrain>[0]) => first.with('adjust', aDrain(over))
    assert.equal(firstFinding(drain({})), 'clean')
    refuses(drain({ account: 1 }), NEXT, 'ACCOUNT_INDEX', 'drain')
    for (const wei of [0n, 2n ** 96n]) refuses(drain({ wei: wei as Wei }), NEXT, 'AMOUNT_RANGE')
    for (const drainSeq of [0, 2]) refuses(drain({ drainSeq }), NEXT, 'COUNTER_ORDER', 'drainSeq')
    refuses(drain({ notAfter: 1 }), NEXT, 'SIGNATURE_EXPIRED', 'drain')
  })

  it('takes a commit whose last payout is the drain, as the enclave writes it, also with tickets', () => {
    for (const strategy of ['transfer', 'ticket'] as const) {
      const log = credit(aGovernedLog({ strategy }).open(), aCredit()).put('adjust', aDrain()).pay()
      assert.equal(firstFinding(log.entries), 'clean')
      assert.deepEqual(
        log.state.unlanded?.payouts.map(({ account, kind }) => [account, kind]),
        [
          [1, strategy],
          [0, 'transfer'],
        ],
      )
    }
  })

  it('refuses a drain before another payout, and one by a ticket', () => {
    const log = drained()
    const payouts = [...(drained().pay().state.unlanded?.payouts ?? [])]
    const [paid, drain] = payouts as [(typeof payouts)[number], (typeof payouts)[number]]
    const reserve = (...list: typeof payouts) =>
      log.with('reserve', { sequence: 1, payouts: list.map((one, at) => ({ ...one, payoutId: at + 1 })) })
    assert.equal(firstFinding(reserve(paid, drain)), 'clean')
    refuses(reserve(drain, paid), log.entries.length, 'PAYOUT_ORDER', 'payout 1')
    refuses(reserve(paid, { ...drain, kind: 'ticket' }), log.entries.length, 'PAYOUT_KIND', 'payout 2')
  })

  it('is no turn in the ring: the next commit goes on after the account served last', () => {
    const log = drained()
    credit(log, aCredit({ id: 'orch-b', account: 2, rseq: 2 }))
    log.pay().settle(7n)
    credit(log, aCredit({ rseq: 3 }), aCredit({ id: 'orch-b', account: 2, rseq: 4 }))
    log.pay()
    assert.equal(firstFinding(log.entries), 'clean')
  })

  it('counts in no window, and is bounded by no payout maximum', () => {
    const policy = { payoutWeiMax: 999n as Wei, recipientWindowWeiMax: 999n as Wei, rollingWeiMax: 999n as Wei }
    const log = aGovernedLog(policy).open()
    for (const drainSeq of [1, 2])
      log
        .put('adjust', aDrain({ drainSeq, wei: 5_000n as Wei }))
        .pay()
        .settle(1n)
    assert.equal(firstFinding(log.entries), 'clean')
  })

  it('goes to the treasury owner of the policy in force', () => {
    const log = drained()
    const owner = addressOf(0xe2)
    log.put('policy', aSuccession(log.state.policy, { treasuryOwner: owner })).pay()
    assert.equal(firstFinding(log.entries), 'clean')
    assert.equal(log.state.unlanded?.payouts.at(-1)?.recipient, owner)
  })
})

describe('auditor: journal resets', () => {
  const hosted = () => aGovernedLog({ credits: 'host-trusted' }).lineOf('orch-a', '1')
  const cursor = (log: LogBuilder) => ({
    atSize: 1,
    atHead: summary(replayOf(log.entries)).ledger?.journalHead as Hash,
  })

  it('takes one at the cursor, after which lines go on from the new past', () => {
    const log = hosted()
    log
      .put('reset', aReset(cursor(log), { newHead: hashOf(5) }))
      .lineOf('orch-a', '1')
      .open()
      .bare()
    assert.equal(firstFinding(log.entries), 'clean')
    assert.equal(log.state.lastHeader?.journalSize, 2)
  })

  it('refuses one elsewhere, of another past, and a late one', () => {
    const log = hosted()
    const at = cursor(log)
    refuses(log.with('reset', aReset({ ...at, atSize: 0 })), NEXT + 1, 'RESET_CURSOR', 'atSize')
    refuses(log.with('reset', aReset({ ...at, atHead: hashOf(1) })), NEXT + 1, 'RESET_CURSOR', 'atHead')
    refuses(log.with('reset', aReset(at, { notAfter: 1 })), NEXT + 1, 'SIGNATURE_EXPIRED', 'reset')
  })
})

function anotherEnclave(over: object = {}) {
  return {
    epoch: 0,
    authority: addressOf(0xd2),
    logKey: hashOf(8),
    config: hashOf(9),
    imageDigest: hashOf(10),
    ...over,
  }
}

describe('auditor: rotations', () => {
  const log = aGovernedLog()
  const { logKey, config, authority } = log.state

  it('takes another authority alone without signatures, since the contract proves it', () => {
    const body = aRotation({ ...anotherEnclave(), logKey, config }, { notAfter: 0 }, [])
    assert.equal(firstFinding(log.with('rotate', body)), 'clean')
  })

  it('refuses another log key or another config without a quorum', () => {
    for (const over of [{ logKey: hashOf(8) }, { config: hashOf(9) }]) {
      const body = aRotation({ ...anotherEnclave(), logKey, config, ...over }, { notAfter: 0 }, [])
      refuses(log.with('rotate', body), NEXT, 'QUORUM_WRONG', 'rotate')
    }
  })

  it('refuses any other value than the quorum approved, and a late approval', () => {
    const approved = aRotation(anotherEnclave())
    assert.equal(firstFinding(log.with('rotate', approved)), 'clean')
    const others: Partial<Body<'rotate'>>[] = [
      { epoch: 1 },
      { authority: addressOf(1) },
      { logKey: hashOf(1) },
      { config: hashOf(1) },
      { imageDigest: hashOf(1) },
    ]
    for (const other of others) refuses(log.with('rotate', { ...approved, ...other }), NEXT, 'QUORUM_WRONG', 'rotate')
    refuses(log.with('rotate', aRotation(anotherEnclave(), { notAfter: 1 })), NEXT, 'SIGNATURE_EXPIRED', 'rotate')
  })

  it('refuses a rotation to what is there already, to nobody, to an older epoch, and during a commit', () => {
    const same = aRotation({ ...anotherEnclave(), authority, logKey, config }, { notAfter: 0 }, [])
    refuses(log.with('rotate', same), NEXT, 'ROTATE_FIELD', 'rotate')
    refuses(log.with('rotate', aRotation(anotherEnclave({ authority: ZERO_ADDRESS }))), NEXT, 'ROTATE_FIELD')
    const opened = aGovernedLog().open()
    refuses(opened.with('rotate', aRotation(anotherEnclave())), NEXT + 1, 'OPEN_EPOCH')
    refuses(opened.bare().with('rotate', aRotation(anotherEnclave({ epoch: 1 }))), NEXT + 2, 'ENTRY_ORDER')
  })

  it('never pays the new authority, and pays the old one again', () => {
    const recipient = addressOf(0xd2)
    const roster = [{ id: 'orch-a', recipient }]
    const own = credit(aGovernedLog({}, { roster }), aCredit())
    const reserve = () =>
      own.with('reserve', {
        sequence: 1,
        payouts: [{ payoutId: 1, account: 1, recipient, wei: 1_000n as Wei, kind: 'transfer' }],
      })
    assert.equal(firstFinding(reserve()), 'clean')
    own.put('rotate', aRotation(anotherEnclave()))
    refuses(reserve(), own.entries.length, 'PAYOUT_RECIPIENT')
  })
})
