import { assert } from 'chai'
import { summary } from '../../../auditor/replay.ts'
import type { Body } from '../../../enclave/protocol/entry.ts'
import { headerHash, PROTOCOL_VERSION } from '../../../enclave/protocol/header.ts'
import { type Address, toHash, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import { uintWord } from '../../../enclave/protocol/words.ts'
import {
  ANCHOR,
  AUTHORITY,
  addressOf,
  aFullLog,
  aPolicy,
  BROKER,
  hashOf,
  indicesOf,
  LogBuilder,
  rebodied,
  renumbered,
} from './log-builder.ts'
import { firstFinding, refuses, replayOf } from './log-judge.ts'

const full = aFullLog().entries
const [commitBare, commitPaid] = indicesOf(full, 'commit') as [number, number]
const [reserveFirst] = indicesOf(full, 'reserve') as [number]
const [settleBare, settlePaid] = indicesOf(full, 'settle') as [number, number]
const [voided] = indicesOf(full, 'void') as [number]
const [openFirst, openSecond] = indicesOf(full, 'open') as [number, number]
const credits = indicesOf(full, 'credit')
const [, creditB] = credits.slice(2) as [number, number]

describe('auditor: reserve', () => {
  const reserve = (change: (body: Body<'reserve'>) => Body<'reserve'>) =>
    rebodied(full, reserveFirst, 'reserve', change)
  const payout = (changes: object) =>
    reserve((body) => ({ ...body, payouts: body.payouts.map((one, at) => (at === 0 ? { ...one, ...changes } : one)) }))

  it('refuses another sequence, no payout, and more payouts than the policy allows', () => {
    refuses(
      reserve((body) => ({ ...body, sequence: 9 })),
      reserveFirst,
      'RESERVE_SEQUENCE',
      'sequence',
    )
    refuses(
      reserve((body) => ({ ...body, payouts: [] })),
      reserveFirst,
      'RESERVE_COUNT',
      'payouts',
    )
    const four = reserve((body) => ({
      ...body,
      payouts: [0, 1, 2, 3].map(() => body.payouts[0] as Body<'reserve'>['payouts'][number]),
    }))
    refuses(four, reserveFirst, 'RESERVE_COUNT', 'payouts')
  })

  it('refuses a payoutId that was used, or leaves a hole', () => {
    refuses(payout({ payoutId: 2 }), reserveFirst, 'PAYOUT_ID')
    const [, second] = indicesOf(full, 'reserve') as [number, number]
    refuses(
      rebodied(full, second, 'reserve', (body) => ({
        ...body,
        payouts: body.payouts.map((one) => ({ ...one, payoutId: 1 })),
      })),
      second,
      'PAYOUT_ID',
    )
  })

  it('refuses another recipient, another kind, and a recipient that is never paid', () => {
    refuses(payout({ recipient: addressOf(0x99) }), reserveFirst, 'PAYOUT_RECIPIENT')
    refuses(payout({ kind: 'ticket' }), reserveFirst, 'PAYOUT_KIND')
    // The enclave never chooses it, so the entry is written past its choice.
    const to = (recipient: Address) =>
      new LogBuilder({ roster: [{ id: 'a', recipient }] })
        .lineOf('a', '1')
        .open()
        .put('reserve', {
          sequence: 1,
          payouts: [{ payoutId: 1, account: 1, recipient, wei: (10n ** 18n) as Wei, kind: 'ticket' }],
        }).entries
    assert.equal(firstFinding(to(addressOf(0x99))), 'clean')
    for (const never of [ANCHOR, BROKER, AUTHORITY]) {
      const codes = summary(replayOf(to(never))).findings.map(({ entry, code }) => `${entry} ${code}`)
      assert.deepEqual(codes, ['1 RECIPIENT_INVALID', '4 PAYOUT_RECIPIENT'])
    }
  })

  it('refuses a payout above the balance, above the maximum, and below the minimum', () => {
    refuses(payout({ wei: 10n ** 18n }), reserveFirst, 'PAYOUT_OVERDRAW')
    refuses(payout({ wei: 10n ** 18n + 1n }), reserveFirst, 'PAYOUT_AMOUNT')
    refuses(payout({ wei: 99n }), reserveFirst, 'PAYOUT_AMOUNT')
  })

  it('refuses a sum above the policy', () => {
    const policy = aPolicy({ commitWeiMax: 1_000n as Wei })
    const { entries } = new LogBuilder({ policy, roster: [{ id: 'a', recipient: addressOf(1) }] })
      .lineOf('a', '1')
      .open()
      .pay()
    assert.equal(firstFinding(entries), 'clean')
    refuses(
      rebodied(entries, 4, 'reserve', (body) => ({
        ...body,
        payouts: body.payouts.map((one) => ({ ...one, wei: 1_001n as Wei })),
      })),
      4,
      'RESERVE_SUM',
    )
  })

  it('refuses a balance below the threshold, an account twice, and accounts out of turn', () => {
    const roster = [1, 2, 3].map((at) => ({ id: `o${at}`, recipient: addressOf(at) }))
    const { entries } = new LogBuilder({ roster })
      .lineOf('o1', '2')
      .lineOf('o2', '1')
      .lineOf('o3', '5E-17')
      .open()
      .pay()
    assert.equal(firstFinding(entries), 'clean')
    const at = indicesOf(entries, 'reserve')[0] as number
    const payouts = (change: (list: Body<'reserve'>['payouts']) => unknown[]) =>
      rebodied(entries, at, 'reserve', (body) => ({
        ...body,
        payouts: change(body.payouts) as Body<'reserve'>['payouts'],
      }))
    refuses(
      payouts(([first]) => [{ ...first, account: 3, recipient: addressOf(3) }]),
      at,
      'PAYOUT_AMOUNT',
    )
    const twice = payouts(([first]) => [first, { ...first, payoutId: 2 }])
    refuses(twice, at, 'PAYOUT_ORDER')
    assert.include(
      summary(replayOf(twice)).findings.map(({ code }) => code),
      'PAYOUT_DOUBLED',
    )
    refuses(
      payouts(([first, second]) => [
        { ...second, payoutId: 1 },
        { ...first, payoutId: 2 },
      ]),
      at,
      'PAYOUT_ORDER',
    )
  })

  it('refuses another try before the back-off has passed', () => {
    const roster = [{ id: 'a', recipient: addressOf(1) }]
    const log = new LogBuilder({ roster }).lineOf('a', '1').open().pay().settle(0n).bare().settle(null).pay().settle(1n)
    assert.equal(firstFinding(log.entries), 'clean')
    const early = new LogBuilder({ roster }).lineOf('a', '1').open().pay().settle(0n)
    const [at] = [early.entries.length]
    early.put('reserve', {
      sequence: 2,
      payouts: [{ payoutId: 2, account: 1, recipient: addressOf(1), wei: (10n ** 18n) as Wei, kind: 'ticket' }],
    })
    refuses(early.entries, at, 'PAYOUT_BACKOFF')
  })

  it('refuses a reserve without its commit', () => {
    refuses(renumbered([...full.slice(0, commitPaid), full[creditB]]), commitPaid, 'ENTRY_ORDER', 'after reserve 2')
  })
})

describe('auditor: headers', () => {
  const flips: [string, unknown][] = [
    ['version', PROTOCOL_VERSION + 1],
    ['ledgerId', hashOf(1)],
    ['epoch', 9],
    ['sequence', 9],
    ['prev', hashOf(1)],
    ['balanceRoot', hashOf(1)],
    ['treeDepth', 18],
    ['accounts', 9],
    ['logSize', 1],
    ['logRoot', hashOf(1)],
    ['creditedWei', 1n],
    ['paidWei', 1n],
    ['reservedWei', 1n],
    ['journalHead', hashOf(1)],
    ['journalSize', 9],
    ['policyVersion', 2],
    ['policyHash', hashOf(1)],
    ['imageDigest', hashOf(1)],
  ]
  for (const [field, value] of flips) {
    it(`refuses a header with another ${field}, even beside its own hash`, () => {
      const forged = rebodied(full, commitPaid, 'commit', ({ header }) => {
        const other = { ...header, [field]: value }
        return { header: other, hash: headerHash(other) }
      })
      refuses(forged, commitPaid, 'HEADER_FIELD', field)
    })
  }

  it('refuses a hash that is not the one of its header', () => {
    refuses(
      rebodied(full, commitBare, 'commit', (body) => ({ ...body, hash: hashOf(1) })),
      commitBare,
      'HEADER_HASH',
      'hash',
    )
  })

  it('refuses a commit without a session, and a second one while one is unlanded', () => {
    const { entries } = new LogBuilder().lineOf('a', '1').bare()
    refuses(entries, 2, 'ENTRY_ORDER', 'commit')
    const twice = renumbered([...full.slice(0, commitBare + 1), full[commitBare]])
    refuses(twice, commitBare + 1, 'ENTRY_ORDER', 'commit')
  })
})

describe('auditor: settle, void and open', () => {
  it('refuses another sequence, a bitmap for a bare commit, none for a paying one, and a bit past the last payout', () => {
    const settle = (index: number, changes: object) =>
      rebodied(full, index, 'settle', (body) => ({ ...body, ...changes }))
    refuses(settle(settlePaid, { sequence: 9 }), settlePaid, 'SETTLE_SEQUENCE')
    refuses(settle(settleBare, { bitmap: hashOf(0) }), settleBare, 'SETTLE_BITMAP')
    refuses(settle(settlePaid, { bitmap: null }), settlePaid, 'SETTLE_BITMAP')
    refuses(settle(settlePaid, { bitmap: toHash(uintWord(2n ** 60n)) }), settlePaid, 'SETTLE_BITMAP')
  })

  it('refuses a head that does not fold the bitmap, also when the bitmap is the lie', () => {
    refuses(
      rebodied(full, settlePaid, 'settle', (body) => ({ ...body, head: hashOf(1) })),
      settlePaid,
      'SETTLE_HEAD',
    )
    refuses(
      rebodied(full, settlePaid, 'settle', (body) => ({ ...body, bitmap: hashOf(2) })),
      settlePaid,
      'SETTLE_HEAD',
    )
    refuses(
      rebodied(full, settleBare, 'settle', (body) => ({ ...body, head: hashOf(1) })),
      settleBare,
      'SETTLE_HEAD',
    )
  })

  it('refuses settle and void without an unlanded commit', () => {
    const again = renumbered([...full.slice(0, settleBare + 1), full[settleBare]])
    refuses(again, settleBare + 1, 'SETTLE_SEQUENCE', 'sequence')
    const voidAgain = renumbered([...full.slice(0, voided + 1), full[voided]])
    refuses(voidAgain, voided + 1, 'SETTLE_SEQUENCE', 'sequence')
  })

  it('refuses a void that leaves another head', () => {
    refuses(
      rebodied(full, voided, 'void', (body) => ({ ...body, head: hashOf(1) })),
      voided,
      'SETTLE_HEAD',
      'head',
    )
  })

  it('refuses a session that does not raise the epoch, opens on another head, or uses a key again', () => {
    const open = (changes: object) => rebodied(full, openSecond, 'open', (body) => ({ ...body, ...changes }))
    refuses(open({ epoch: 1 }), openSecond, 'OPEN_EPOCH')
    refuses(open({ head: hashOf(1) }), openSecond, 'OPEN_HEAD')
    refuses(open({ session: addressOf(0x5000) }), openSecond, 'OPEN_SESSION')
    refuses(open({ session: ZERO_ADDRESS }), openSecond, 'OPEN_SESSION')
    const during = renumbered([...full.slice(0, commitBare + 1), full[openFirst]])
    refuses(during, commitBare + 1, 'ENTRY_ORDER', 'open')
  })
})
