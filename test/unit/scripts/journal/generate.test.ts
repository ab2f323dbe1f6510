import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { judgeLine, lineHash } from '../../../../enclave/core/journal.ts'
import type { State } from '../../../../enclave/core/state.ts'
import { parseStrictJson } from '../../../../enclave/protocol/strict-json.ts'
import { BAD_KINDS, badLine } from '../../../../scripts/journal/bad-lines.ts'
import { newDice } from '../../../../scripts/journal/dice.ts'
import { DEMO_JOURNAL, generateJournal } from '../../../../scripts/journal/generate.ts'
import { demoOrchestrators, rosterOf, UNROSTERED_ID } from '../../../../scripts/journal/roster.ts'
import { SHIPPED_SHA256 } from '../../../../scripts/start/release.ts'

const SMALL = { seed: 7, lines: 4_000 }
const NEWLINE = 10

/** What judging one line reads of a ledger: an empty one. */
const EMPTY = {
  journalSize: 0,
  byId: new Map(),
  accounts: [],
  policy: { accountsMax: 100, journal: { windowWeiMax: 2n ** 120n, lifetimeWeiMax: 2n ** 120n } },
  journalUse: { creditedWei: 0n, window: [] },
  creditedWei: 0n,
} as unknown as State

function verdictOf(line: Uint8Array): string {
  const verdict = judgeLine(EMPTY, line, lineHash(line), 0)
  return verdict.type === 'refuse' && verdict.body.source === 'journal' ? verdict.body.code : verdict.type
}

function fieldsOf(line: Uint8Array): { readonly [key: string]: unknown } | undefined {
  const parsed = parseStrictJson(line.subarray(0, -1), { depthMax: 16 })
  return parsed.kind === 'object' && line.length < 32_768 ? parsed.value : undefined
}

describe('shipped journal', () => {
  it('has the pinned sha256, so that every machine pays the same amounts', function () {
    this.timeout(20_000)
    const hash = createHash('sha256')
    for (const line of generateJournal(DEMO_JOURNAL)) hash.update(line)
    expect(hash.digest('hex')).to.equal(SHIPPED_SHA256)
  })

  it('differs in its first line under another seed', () => {
    const first = (seed: number) => Buffer.from([...generateJournal({ seed, lines: 1 })][0] ?? []).toString()
    expect(first(7)).to.equal(first(7))
    expect(first(7)).to.not.equal(first(8))
  })

  it('holds complete lines only, in the key order of the replaced host, with rising timestamps', () => {
    let before = ''
    for (const line of generateJournal(SMALL)) {
      expect(line.indexOf(NEWLINE)).to.equal(line.length - 1)
      const fields = fieldsOf(line)
      if (fields?.['event'] !== 'credit' || fields['metadata'] === undefined) continue
      expect(Object.keys(fields).join()).to.equal(
        'timestamp,event,orchestrator_id,amount,balance,delta,reason,metadata',
      )
      const stamp = (fields['timestamp'] as string).slice(0, 19)
      expect(stamp >= before, `${stamp} after ${before}`).to.equal(true)
      before = stamp
    }
  })

  it('names sixty orchestrators, prints amounts with an exponent, and drops the fraction of whole seconds', () => {
    const ids = new Set<unknown>()
    let [exponents, whole, negative] = [0, 0, 0]
    const reasons = new Set<unknown>()
    for (const line of generateJournal({ seed: 7, lines: 10_000 })) {
      const fields = fieldsOf(line)
      if (fields === undefined || verdictOf(line).startsWith('LINE_')) continue
      if (verdictOf(line) !== 'credit') {
        if (String(fields['amount']).startsWith('-')) negative++
        continue
      }
      ids.add(fields['orchestrator_id'])
      reasons.add(fields['reason'])
      if (/E-/.test(String(fields['amount']))) exponents++
      if (/T\d\d:\d\d:\d\d\+00:00$/.test(String(fields['timestamp']))) whole++
    }
    expect(ids.size).to.equal(60)
    expect(exponents).to.be.above(100)
    expect(whole).to.be.above(20)
    expect(negative).to.be.above(20)
    expect([...reasons]).to.have.members(['session_time', 'power', 'workload'])
  })

  it('writes no byte beyond ASCII in a line that the ledger applies', () => {
    for (const line of generateJournal(SMALL)) {
      if (verdictOf(line) === 'credit') expect(line.every((byte) => byte < 0x80)).to.equal(true)
    }
  })
})

describe('bad lines of the shipped journal', () => {
  for (const [number, kind] of BAD_KINDS.entries()) {
    it(`is refused with its own code: ${kind}`, () => {
      const { code, bytes } = badLine(number, '2026-10-16T06:04:18+00:00', newDice(1))
      expect(verdictOf(bytes)).to.equal(code)
      expect(bytes.at(-1)).to.equal(NEWLINE)
    })
  }

  it('leaves no kind out of the shipped journal', () => {
    const expected = new Set(
      BAD_KINDS.map((_, number) => badLine(number, '2026-10-16T06:04:18+00:00', newDice(1)).code),
    )
    const found = new Set([...generateJournal(SMALL)].map((line) => verdictOf(line)))
    for (const code of expected) expect(found.has(code), code).to.equal(true)
  })
})

describe('roster of the shipped journal', () => {
  it('leaves one orchestrator out and lets two share a recipient', () => {
    const roster = rosterOf(demoOrchestrators())
    expect(roster.map(({ id }) => id)).to.not.include(UNROSTERED_ID)
    expect(roster).to.have.length(59)
    expect(new Set(roster.map(({ recipient }) => recipient)).size).to.equal(58)
  })

  it('pays an id that is an address at that very address', () => {
    const own = rosterOf(demoOrchestrators()).filter(({ id }) => id.startsWith('0x'))
    expect(own).to.have.length(1)
    for (const { id, recipient } of own) expect(recipient).to.equal(id)
  })
})
