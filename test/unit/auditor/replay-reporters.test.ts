import { assert } from 'chai'
import { summary } from '../../../auditor/replay.ts'
import type { Address } from '../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import type { Policy } from '../../../enclave/protocol/policy.ts'
import { aGovernedLog, batch, credit } from './governed-log.ts'
import { ANCHOR, AUTHORITY, addressOf, BROKER, hashOf } from './log-builder.ts'
import { firstFinding, refuses, replayOf } from './log-judge.ts'
import {
  aBatch,
  aCredit,
  anItem,
  aRefusal,
  aSkip,
  aSuccession,
  LATE,
  PAYEES,
  REPORTERS,
  STRANGER,
} from './signed-bodies.ts'

const [reporter] = REPORTERS.map(({ address }) => address) as [Address]
const CAPS = { windowWeiMax: 100n as Wei, lifetimeWeiMax: 150n as Wei }
const capped = (caps = CAPS): Partial<Policy> => ({ reporters: [{ address: reporter, ...caps }] })

/** Index of the first entry after genesis and roster. */
const NEXT = 3

describe('auditor: single signed credits', () => {
  const log = aGovernedLog()

  it('takes one that its reporter signed, and refuses the same one signed by a stranger or another reporter', () => {
    assert.equal(firstFinding(log.with('credit', aCredit())), 'clean')
    refuses(log.with('credit', aCredit({}, STRANGER)), NEXT, 'SIGNATURE_WRONG', `${reporter} 1`)
    refuses(log.with('credit', aCredit({}, REPORTERS[1])), NEXT, 'SIGNATURE_WRONG', `${reporter} 1`)
  })

  it('refuses a reporter whom the policy does not name, though it signs well', () => {
    refuses(log.with('credit', aCredit({ reporter: STRANGER.address })), NEXT, 'REPORTER_UNKNOWN', STRANGER.address)
  })

  it('refuses a number that leaves a hole, and one that was used', () => {
    const second = () => credit(aGovernedLog(), aCredit())
    assert.equal(firstFinding(second().with('credit', aCredit({ rseq: 2 }))), 'clean')
    for (const rseq of [1, 3]) refuses(second().with('credit', aCredit({ rseq })), NEXT + 1, 'COUNTER_ORDER')
  })

  it('refuses a credit later than its reporter allowed, and takes it in the very last second', () => {
    const at = log.nowSeconds + 1
    assert.equal(firstFinding(log.with('credit', aCredit({ notAfter: at }))), 'clean')
    refuses(log.with('credit', aCredit({ notAfter: at - 1 })), NEXT, 'SIGNATURE_EXPIRED')
  })

  it('refuses a credit of nothing and of 2^96 wei', () => {
    for (const wei of [0n, 2n ** 96n]) {
      const uncapped = aGovernedLog(capped({ windowWeiMax: (2n ** 100n) as Wei, lifetimeWeiMax: (2n ** 100n) as Wei }))
      refuses(uncapped.with('credit', aCredit({ wei: wei as Wei })), NEXT, 'AMOUNT_RANGE', 'orch-a')
    }
  })

  it('refuses a signed credit where the policy closes that route', () => {
    const closed = aGovernedLog({ credits: 'host-trusted' })
    refuses(closed.with('credit', aCredit()), NEXT, 'CREDIT_ROUTE', 'orch-a')
  })

  it('goes on counting after a reporter was removed and named again', () => {
    const own = credit(aGovernedLog(), aCredit())
    const [first, second] = own.state.policy.reporters as [Policy['reporters'][number], Policy['reporters'][number]]
    const before = own.state.policy
    own.put('policy', aSuccession(before, { reporters: [second] }))
    refuses(own.with('credit', aCredit({ rseq: 2 })), NEXT + 2, 'REPORTER_UNKNOWN')
    const removed = own.state.policy
    const prevPolicyHash = own.state.policyHash
    own.put('policy', aSuccession(removed, { reporters: [first, second] }, { version: 3, prevPolicyHash }))
    assert.equal(firstFinding(own.with('credit', aCredit({ rseq: 2 }))), 'clean')
    refuses(own.with('credit', aCredit({ rseq: 1 })), NEXT + 3, 'COUNTER_ORDER')
  })
})

describe('auditor: caps of reporters', () => {
  const of = (wei: bigint, rseq = 1) => aCredit({ wei: wei as Wei, rseq })

  it('takes a window to the last wei, and refuses one more', () => {
    const log = credit(aGovernedLog(capped()), of(60n))
    assert.equal(firstFinding(log.with('credit', of(40n, 2))), 'clean')
    refuses(log.with('credit', of(41n, 2)), NEXT + 1, 'CREDIT_CAP', 'window')
  })

  it('takes more when the window has passed, until the lifetime cap', () => {
    const log = credit(aGovernedLog(capped()), of(100n)).wait(86_400)
    assert.equal(firstFinding(log.with('credit', of(50n, 2))), 'clean')
    refuses(log.with('credit', of(51n, 2)), NEXT + 1, 'CREDIT_CAP', 'lifetime')
  })

  it('refuses one second before the window has passed', () => {
    const log = credit(aGovernedLog(capped()), of(100n)).wait(86_398)
    refuses(log.with('credit', of(1n, 2)), NEXT + 1, 'CREDIT_CAP', 'window')
    assert.equal(firstFinding(log.wait(1).with('credit', of(1n, 2))), 'clean')
  })

  it('judges by the caps of the policy in force, not by those of genesis', () => {
    const log = aGovernedLog(capped())
    log.put('policy', aSuccession(log.state.policy, capped({ ...CAPS, windowWeiMax: 50n as Wei })))
    assert.equal(firstFinding(log.with('credit', of(50n))), 'clean')
    refuses(log.with('credit', of(51n)), NEXT + 1, 'CREDIT_CAP', 'window')
  })
})

describe('auditor: recipients in signed credits', () => {
  const unknown = (recipient: Address, over: object = {}) => aCredit({ id: 'new', account: 3, recipient, ...over })

  it('takes the pinned recipient, and refuses another one', () => {
    const log = aGovernedLog()
    assert.equal(firstFinding(log.with('credit', aCredit({ recipient: PAYEES[0].address }))), 'clean')
    refuses(log.with('credit', aCredit({ recipient: PAYEES[1].address })), NEXT, 'RECIPIENT_MISMATCH', 'orch-a')
  })

  it('pins the recipient of a new account where the policy says so, and refuses it elsewhere', () => {
    const log = aGovernedLog()
    assert.equal(firstFinding(log.with('credit', unknown(PAYEES[2].address))), 'clean')
    const closed = aGovernedLog({ registration: { registrar: true, self: true, credit: false } })
    refuses(closed.with('credit', unknown(PAYEES[2].address)), NEXT, 'RECIPIENT_MISMATCH', 'new')
  })

  it('refuses to pin anchor, broker, authority, a denied recipient, and an id that is another address', () => {
    const denied = addressOf(0xdead)
    const log = aGovernedLog({ deniedRecipients: [denied] })
    for (const never of [ANCHOR, BROKER, AUTHORITY, denied])
      refuses(log.with('credit', unknown(never)), NEXT, 'RECIPIENT_INVALID', 'new')
    const other = unknown(PAYEES[1].address, { id: PAYEES[0].address })
    refuses(log.with('credit', other), NEXT, 'RECIPIENT_INVALID', PAYEES[0].address)
  })
})

describe('auditor: signed batches', () => {
  const items = Array.from({ length: 130 }, (_, at) => anItem({ wei: BigInt(at + 1) as Wei }))
  const parts = aBatch(items)
  const written = (...bodies: readonly (typeof parts)[number][]) => {
    const log = aGovernedLog()
    const entries = bodies.map((body) => log.with('credits', body)).map((list) => list.at(-1) as Uint8Array)
    return [...log.entries, ...entries]
  }

  it('takes a batch of three entries as the enclave writes it', () => {
    assert.equal(firstFinding(batch(aGovernedLog(), items).entries), 'clean')
  })

  it('refuses a batch that anybody else signed', () => {
    const [forged] = aBatch([anItem()], {}, STRANGER) as [(typeof parts)[number]]
    refuses(written(forged), NEXT, 'SIGNATURE_WRONG', `${reporter} 1`)
  })

  it('refuses credits that the root does not cover, also when the root is the lie', () => {
    const [own] = aBatch([anItem()]) as [(typeof parts)[number]]
    assert.equal(firstFinding(written(own)), 'clean')
    refuses(written({ ...own, credits: [anItem({ wei: 2n as Wei })] }), NEXT, 'BATCH_ROOT')
    const [lie] = aBatch([anItem()], { root: hashOf(1) }) as [(typeof parts)[number]]
    refuses(written(lie), NEXT, 'BATCH_ROOT')
  })

  it('refuses a batch that ends early: at another entry, and at the end of the log', () => {
    const log = aGovernedLog()
    const [first, second] = parts as [(typeof parts)[number], (typeof parts)[number]]
    const cut = log.put('credits', first).put('credits', second)
    assert.deepInclude(summary(replayOf(cut.entries)).findings[0], { code: 'BATCH_ORDER', subject: 'end of the log' })
    refuses(cut.with('note', { text: 'hello' }), NEXT + 2, 'BATCH_ORDER', 'note')
  })

  it('refuses a part that is left out, shortened, doubled, or of another batch', () => {
    const [first, second] = parts as [(typeof parts)[number], (typeof parts)[number]]
    const log = () => aGovernedLog().put('credits', first)
    refuses(log().with('credits', parts[2] as typeof first), NEXT + 1, 'BATCH_ORDER', 'from')
    refuses(log().with('credits', first), NEXT + 1, 'BATCH_ORDER', 'from')
    refuses(log().with('credits', { ...second, credits: second.credits.slice(1) }), NEXT + 1, 'BATCH_ORDER', 'credits')
    const [other] = aBatch([anItem()], { firstSeq: 65 }) as [typeof first]
    refuses(log().with('credits', other), NEXT + 1, 'BATCH_ORDER', 'firstSeq')
  })

  it('refuses a batch without credits', () => {
    const [own] = aBatch([anItem()]) as [(typeof parts)[number]]
    refuses(written({ ...own, count: 0, credits: [] }), NEXT, 'SIGNATURE_WRONG')
  })

  it('refuses a credit that is later than its own time, inside a batch that is not', () => {
    const [late] = aBatch([anItem({ notAfter: 1 })]) as [(typeof parts)[number]]
    refuses(written(late), NEXT, 'SIGNATURE_EXPIRED', `${reporter} 1`)
  })

  it('refuses a number that leaves a hole or was used', () => {
    for (const firstSeq of [2, 0]) {
      const [own] = aBatch([anItem()], { firstSeq }) as [(typeof parts)[number]]
      refuses(written(own), NEXT, 'COUNTER_ORDER')
    }
  })

  const refusals: [string, Partial<ReturnType<typeof anItem>>][] = [
    ['AMOUNT_ZERO', { wei: 0n as Wei }],
    ['AMOUNT_TOO_LARGE', { wei: (2n ** 96n) as Wei }],
    ['LEDGER_FULL', { id: 'one-too-many' }],
    ['CREDIT_CAP', { wei: 151n as Wei }],
    ['RECIPIENT_MISMATCH', { recipient: PAYEES[1].address }],
    ['RECIPIENT_FORBIDDEN', { id: PAYEES[2].address, recipient: PAYEES[1].address }],
  ]
  for (const [code, over] of refusals) {
    it(`takes ${code} as the enclave gives it, refuses it for a credit that breaks no such rule, and its absence`, () => {
      const id = PAYEES[2].address
      const make = () => {
        const log = aGovernedLog({ ...capped(), accountsMax: 4 })
        return credit(log, aCredit({ account: 3, id, wei: 1n as Wei }))
      }
      const honest = batch(make(), [anItem({ wei: 1n as Wei, ...over })], 2)
      assert.equal(firstFinding(honest.entries), 'clean')
      assert.deepEqual(summary(replayOf(honest.entries)).ledger?.refusals, { [code]: 1 })
      const [lie] = aBatch([anItem({ account: 0, wei: 1n as Wei, code })], { firstSeq: 2 }) as [(typeof parts)[number]]
      refuses(make().with('credits', lie), NEXT + 1, 'REFUSAL_CODE')
      const account = over.id === undefined ? 1 : over.id === id ? 3 : 4
      const [applied] = aBatch([anItem({ wei: 1n as Wei, ...over, account })], { firstSeq: 2 }) as [
        (typeof parts)[number],
      ]
      assert.notEqual(firstFinding(make().with('credits', applied)), 'clean')
    })
  }

  it('refuses a code that no credit can have, and an account beside a code', () => {
    const [other] = aBatch([anItem({ account: 0, code: 'BECAUSE' })]) as [(typeof parts)[number]]
    refuses(written(other), NEXT, 'REFUSAL_CODE')
    const [index] = aBatch([anItem({ account: 1, wei: 0n as Wei, code: 'AMOUNT_ZERO' })]) as [(typeof parts)[number]]
    refuses(written(index), NEXT, 'ACCOUNT_INDEX')
  })
})

describe('auditor: refused credits and skipped numbers', () => {
  it('takes a refused credit that its reporter signed, which uses up its number', () => {
    const log = aGovernedLog()
    assert.equal(firstFinding(log.with('refuse', aRefusal('AMOUNT_ZERO'))), 'clean')
    refuses(log.with('refuse', aRefusal('AMOUNT_ZERO', {}, STRANGER)), NEXT, 'SIGNATURE_WRONG')
    refuses(log.with('refuse', aRefusal('AMOUNT_ZERO', { rseq: 2 })), NEXT, 'COUNTER_ORDER')
    refuses(log.with('refuse', aRefusal('SOMETHING')), NEXT, 'REFUSAL_CODE')
  })

  it('takes ROUTE_CLOSED exactly where the policy closes the route', () => {
    const closed = aGovernedLog({ credits: 'host-trusted' })
    assert.equal(firstFinding(credit(closed, aCredit()).entries), 'clean')
    assert.deepEqual(summary(replayOf(closed.entries)).ledger?.refusals, { ROUTE_CLOSED: 1 })
    refuses(closed.with('refuse', aRefusal('AMOUNT_ZERO', { rseq: 2 })), NEXT + 1, 'REFUSAL_CODE')
    refuses(aGovernedLog().with('refuse', aRefusal('ROUTE_CLOSED')), NEXT, 'REFUSAL_CODE')
  })

  it('takes a skip from the next number on, and counts on after it', () => {
    const log = aGovernedLog().put('refuse', aSkip(1, 5))
    assert.equal(firstFinding(log.with('credit', aCredit({ rseq: 6 }))), 'clean')
    refuses(log.with('credit', aCredit({ rseq: 5 })), NEXT + 1, 'COUNTER_ORDER')
  })

  it('counts up to the last number that has an exact successor, and no further', () => {
    const last = Number.MAX_SAFE_INTEGER - 1
    assert.equal(firstFinding(aGovernedLog().with('refuse', aSkip(1, last))), 'clean')
    refuses(aGovernedLog().with('refuse', aSkip(1, last + 1)), NEXT, 'COUNTER_ORDER')
  })

  it('refuses a skip that a stranger signed, that begins elsewhere, or that ends before it begins', () => {
    const log = aGovernedLog()
    refuses(log.with('refuse', aSkip(1, 5, STRANGER)), NEXT, 'SIGNATURE_WRONG')
    refuses(log.with('refuse', aSkip(2, 5)), NEXT, 'COUNTER_ORDER', `rseq of ${reporter}`)
    refuses(log.with('refuse', aSkip(1, 0)), NEXT, 'COUNTER_ORDER', `toSeq of ${reporter}`)
    assert.isAbove(LATE, log.nowSeconds)
  })
})
