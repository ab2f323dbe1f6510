import { assert } from 'chai'
import { summary } from '../../../auditor/replay.ts'
import type { Body } from '../../../enclave/protocol/entry.ts'
import { ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
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
const credits = indicesOf(full, 'credit')
const [, creditB] = credits.slice(2) as [number, number]
const [adjust] = indicesOf(full, 'adjust') as [number]
const [refused] = indicesOf(full, 'refuse') as [number]
const registers = indicesOf(full, 'register')

describe('auditor: genesis, roster and openings', () => {
  const flips: [string, (body: Body<'genesis'>) => Body<'genesis'>, string][] = [
    ['ledgerId', (body) => ({ ...body, ledgerId: hashOf(1) }), 'GENESIS_FIELD ledgerId'],
    ['chainId', (body) => ({ ...body, chainId: 1 }), 'GENESIS_FIELD ledgerId'],
    ['guardian', (body) => ({ ...body, guardian: addressOf(1) }), 'GENESIS_FIELD config'],
    ['genesisHash', (body) => ({ ...body, genesisHash: hashOf(1) }), 'GENESIS_FIELD config'],
    ['policyHash', (body) => ({ ...body, policyHash: hashOf(1) }), 'GENESIS_FIELD policyHash'],
    ['authority', (body) => ({ ...body, authority: ZERO_ADDRESS }), 'GENESIS_FIELD authority'],
  ]
  for (const [field, change, expected] of flips) {
    it(`refuses another ${field} beside the same other fields`, () => {
      assert.equal(firstFinding(rebodied(full, 0, 'genesis', change)), `0 ${expected}`)
    })
  }

  it('refuses a policy that contradicts itself', () => {
    const log = new LogBuilder({ policy: aPolicy({ payoutWeiMin: 10n as Wei, payoutWeiMax: 5n as Wei }) })
    refuses(log.entries, 0, 'GENESIS_FIELD', 'policy')
  })

  it('refuses a roster recipient, an opening and an opening recipient that genesisHash does not cover', () => {
    const [roster, opening] = registers as [number, number]
    const other = (body: Body<'register'>) => ({ ...body, recipient: addressOf(0x99) })
    const closing = credits[1] as number
    refuses(rebodied(full, roster, 'register', other), closing, 'GENESIS_HASH')
    refuses(rebodied(full, opening, 'register', other), closing, 'GENESIS_HASH')
    refuses(
      rebodied(full, closing, 'credit', (body) => ({ ...body, wei: 51n as Wei })),
      closing,
      'GENESIS_FIELD',
      'openingsWei',
    )
  })

  it('refuses an input before roster and openings are complete, and one opening too many', () => {
    const short = new LogBuilder({ roster: [{ id: 'a', recipient: addressOf(1) }] }).lineOf('b', '1')
    refuses(renumbered([short.entries[0], short.entries[2]]), 1, 'ENTRY_ORDER', 'after genesis')
    const log = new LogBuilder().lineOf('a', '1')
    const extra = rebodied(log.entries, 1, 'credit', () => ({ source: 'opening', account: 1, id: 'a', wei: 5n as Wei }))
    refuses(extra, 1, 'ENTRY_ORDER', 'credit')
  })

  it('refuses an opening whose credit names another id than its recipient', () => {
    refuses(
      rebodied(full, credits[0] as number, 'credit', (body) => ({ ...body, id: 'orch-x', account: 3 })),
      credits[0] as number,
      'ENTRY_ORDER',
      'credit.id',
    )
  })

  it('refuses a treasury owner whom the anchor would never pay', () => {
    for (const treasuryOwner of [ANCHOR, BROKER, AUTHORITY]) {
      const { entries } = new LogBuilder({ policy: aPolicy({ treasuryOwner }) })
      refuses(entries, 0, 'GENESIS_FIELD', 'policy.treasuryOwner')
    }
  })

  it('refuses a second pin, a recipient who can never be paid, and an address id pinned to another address', () => {
    const roster = [
      { id: 'a', recipient: addressOf(1) },
      { id: addressOf(0x77), recipient: addressOf(0x77) },
    ]
    const { entries } = new LogBuilder({ roster })
    assert.equal(firstFinding(entries), 'clean')
    const register = (index: number, body: Partial<Body<'register'>>) =>
      rebodied(entries, index, 'register', (old) => ({ ...old, ...body }) as Body<'register'>)
    refuses(register(2, { id: 'a', account: 1 }), 2, 'RECIPIENT_PINNED', 'a')
    for (const recipient of [ZERO_ADDRESS, ANCHOR, BROKER, AUTHORITY])
      refuses(register(1, { recipient }), 1, 'RECIPIENT_INVALID', 'a')
    refuses(register(2, { recipient: addressOf(0x78) }), 2, 'RECIPIENT_INVALID', addressOf(0x77))
  })
})

describe('auditor: credits and adjustments', () => {
  it('refuses wei that the text does not say', () => {
    refuses(
      rebodied(full, creditB, 'credit', (body) => ({ ...body, wei: (body.wei + 1n) as Wei })),
      creditB,
      'AMOUNT_TEXT',
    )
    refuses(
      rebodied(full, adjust, 'adjust', (body) => ({ ...body, delta: -1n }) as Body<'adjust'>),
      adjust,
      'AMOUNT_TEXT',
    )
  })

  it('refuses a credit of nothing, of 2^96 wei, and a positive adjustment', () => {
    const credit = (wei: bigint, amount: string) =>
      rebodied(full, creditB, 'credit', (body) => ({ ...body, wei: wei as Wei, amount }) as Body<'credit'>)
    refuses(credit(0n, '0E-18'), creditB, 'AMOUNT_RANGE')
    refuses(credit(10n ** 30n, '1E12'), creditB, 'AMOUNT_RANGE')
    refuses(
      rebodied(full, adjust, 'adjust', (body) => ({ ...body, delta: 10n ** 17n, amount: '0.1' }) as Body<'adjust'>),
      adjust,
      'AMOUNT_RANGE',
    )
  })

  it('refuses an adjustment that would overdraw, and takes one to the last wei', () => {
    const log = new LogBuilder().lineOf('a', '0.5').lineOf('a', '-0.5')
    assert.equal(firstFinding(log.entries), 'clean')
    const forged = rebodied(
      log.entries,
      2,
      'adjust',
      (body) => ({ ...body, delta: -(5n * 10n ** 17n + 1n), amount: '-0.500000000000000001' }) as Body<'adjust'>,
    )
    refuses(forged, 2, 'ADJUST_OVERDRAW', 'a')
  })

  it('refuses an adjustment of an account that does not exist', () => {
    refuses(
      rebodied(full, adjust, 'adjust', (body) => ({ ...body, id: 'nobody' }) as Body<'adjust'>),
      adjust,
      'ACCOUNT_UNKNOWN',
      'nobody',
    )
  })

  it("refuses an account index that is not the orchestrator's", () => {
    refuses(
      rebodied(full, creditB, 'credit', (body) => ({ ...body, account: 1 })),
      creditB,
      'ACCOUNT_INDEX',
      'orch-b',
    )
  })

  it('refuses more accounts than the policy allows', () => {
    const { entries } = new LogBuilder({ policy: aPolicy({ accountsMax: 2 }) }).lineOf('a', '1').lineOf('a', '1')
    refuses(
      rebodied(entries, 2, 'credit', (body) => ({ ...body, account: 2, id: 'b' })),
      2,
      'ACCOUNT_LIMIT',
      'b',
    )
  })

  it('refuses a journal line out of order, and one with another hash at the next header', () => {
    refuses(
      rebodied(full, creditB, 'credit', (body) => ({ ...body, line: 5 }) as Body<'credit'>),
      creditB,
      'JOURNAL_LINE',
      'line',
    )
    refuses(
      rebodied(full, refused, 'refuse', (body) => ({ ...body, line: 0 }) as Body<'refuse'>),
      refused,
      'JOURNAL_LINE',
      'line',
    )
    const forged = rebodied(full, refused, 'refuse', (body) => ({ ...body, hash: hashOf(1) }) as Body<'refuse'>)
    const fields = summary(replayOf(forged)).findings.map(({ code, subject }) => `${code} ${subject}`)
    assert.include(fields, 'HEADER_FIELD journalHead')
  })

  it('refuses journal credits where the policy closes that route', () => {
    const log = new LogBuilder({ policy: aPolicy({ credits: 'signed' }) }).lineOf('a', '1')
    refuses(log.entries, 1, 'JOURNAL_ROUTE', 'credit')
  })
})
