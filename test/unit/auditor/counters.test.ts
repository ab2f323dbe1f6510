import { assert } from 'chai'
import type { Notice } from '../../../auditor/chain-facts.ts'
import { judgeCounters } from '../../../auditor/counters.ts'
import { newFindings } from '../../../auditor/naive/finding.ts'
import { aGovernedLog, credit } from './governed-log.ts'
import { replayOf } from './log-judge.ts'
import { aCredit, REPORTERS } from './signed-bodies.ts'

const { ledger } = replayOf(credit(aGovernedLog(), aCredit(), aCredit({ rseq: 2 })).entries)
const [first, second] = REPORTERS.map(({ address }) => address)

function said(reporter: typeof first, nextSeq: number): string[] {
  if (ledger === null || reporter === undefined) throw new TypeError('expected a ledger')
  const findings = newFindings()
  const notices: Notice[] = []
  judgeCounters([{ reporter, nextSeq }], ledger, findings, notices)
  return [...findings.list.map(({ code }) => code), ...notices.map(({ code, text }) => `${code} ${text}`)]
}

describe("auditor: a reporter's own counter", () => {
  it('says nothing when log and reporter agree, also of one that never signed', () => {
    assert.deepEqual(said(first, 3), [])
    assert.deepEqual(said(second, 1), [])
  })

  it('reports the tail that a host never forwarded', () => {
    assert.deepEqual(said(first, 5), ['REPORTER_LAG 2 numbers, 3 to 4'])
    assert.deepEqual(said(second, 2), ['REPORTER_LAG 1 numbers, 1 to 1'])
  })

  it('finds a log that holds more than the reporter signed', () => {
    assert.deepEqual(said(first, 2), ['REPORTER_AHEAD'])
  })
})
