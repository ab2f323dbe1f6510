import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judgeJournal } from '../../../auditor/journal.ts'
import { newFindings } from '../../../auditor/naive/finding.ts'
import { lineHash, nextJournalHead } from '../../../enclave/core/journal.ts'
import { fromHex, type Hash, toHash, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { concatBytes, utf8 } from '../../../enclave/protocol/words.ts'
import { aGovernedLog } from './governed-log.ts'
import { replayOf } from './log-judge.ts'
import { aReset } from './signed-bodies.ts'

const folder = mkdtempSync(join(tmpdir(), 'journal-'))
const path = join(folder, 'journal')

/** `CODE subject` of every finding about this journal beside these entries. */
async function found(entries: readonly Uint8Array[], lines: readonly Uint8Array[]): Promise<string[]> {
  const { ledger, findings: replayed } = replayOf(entries)
  assert.deepEqual(replayed.list, [])
  assert.ok(ledger !== null)
  writeFileSync(path, concatBytes(...lines))
  const findings = newFindings()
  await judgeJournal(path, ledger, findings)
  return findings.list.map(({ code, subject }) => `${code} ${subject}`)
}

describe('auditor: the journal beside the log', () => {
  after(() => rmSync(folder, { recursive: true }))

  it('finds nothing in the lines that were consumed, and names one that was changed', async () => {
    const log = aGovernedLog({ credits: 'host-trusted' }).lineOf('orch-a', '1').lineOf('orch-b', '2')
    assert.deepEqual(await found(log.entries, log.lines), [])
    const changed = [log.lines[0] as Uint8Array, utf8('{"event":"credit"}\n')]
    assert.deepEqual(await found(log.entries, changed), ['JOURNAL_HASH line 1'])
    assert.deepEqual(await found(log.entries, log.lines.slice(1)), ['JOURNAL_HASH line 0', `JOURNAL_SHORT ${path}`])
  })

  it('asks of the lines before a reset for the head that the quorum named, and for nothing else', async () => {
    const log = aGovernedLog({ credits: 'host-trusted' }).lineOf('orch-a', '1')
    const salvaged = utf8('what was left of the first line\n')
    const head = (list: readonly Uint8Array[]): Hash =>
      toHash(list.reduce((before, line) => nextJournalHead(before, lineHash(line)), fromHex(ZERO_HASH)))
    const at = { atSize: 1, atHead: toHash(log.state.journalHead) }
    log.put('reset', aReset(at, { newHead: head([salvaged]) })).lineOf('orch-b', '2')
    const [lost, kept] = log.lines as [Uint8Array, Uint8Array]
    assert.deepEqual(await found(log.entries, [salvaged, kept]), [])
    assert.deepEqual(await found(log.entries, [lost, kept]), ['JOURNAL_HASH lines before 1'])
    assert.deepEqual(await found(log.entries, [salvaged, lost]), ['JOURNAL_HASH line 1'])
  })
})
