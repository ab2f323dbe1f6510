/** The journal beside the ledger: each consumed line by its hash, and what it credits (protocol section 6). */
import { createReadStream } from 'node:fs'
import { CodedError } from '../enclave/protocol/errors.ts'
import { sha256 } from '../enclave/protocol/hash.ts'
import { toHash, ZERO_HASH } from '../enclave/protocol/ids.ts'
import { parseStrictJson } from '../enclave/protocol/strict-json.ts'
import { concatBytes } from '../enclave/protocol/words.ts'
import type { Findings } from './naive/finding.ts'
import { flag } from './naive/finding.ts'
import { foldLine } from './naive/inputs.ts'
import type { JournalRecord, Ledger } from './naive/ledger.ts'

const NEWLINE = 0x0a
/** A line without an end must not fill the memory. */
const LINE_BYTES_MAX = 16_777_216

/**
 * Judges lines 0 up to the ledger's journalSize; later lines are not consumed yet. Lines before genesis, or before the
 * newest reset, only have to lead to the head that was named there. Refuses JOURNAL_UNREADABLE.
 */
export async function judgeJournal(path: string, ledger: Ledger, findings: Findings): Promise<void> {
  const { size: first, head: expected, entry } = ledger.journalStart
  let head = ZERO_HASH
  let count = 0
  for await (const line of linesOf(path)) {
    if (count >= ledger.journalSize) return
    const hash = toHash(sha256(line))
    if (count < first) head = foldLine(head, hash)
    else judgeLine(line, hash, count, ledger.journal[count - ledger.genesis.journalSize] as JournalRecord, findings)
    count++
    if (count === first && head !== expected)
      flag(findings, 'JOURNAL_HASH', { entry, subject: `lines before ${first}` }, expected, head)
  }
  if (count < ledger.journalSize) {
    flag(findings, 'JOURNAL_SHORT', { entry: null, subject: path }, `${ledger.journalSize} lines`, `${count} lines`)
  }
}

function judgeLine(line: Uint8Array, hash: string, number: number, record: JournalRecord, findings: Findings): void {
  const where = { entry: record.entry, subject: `line ${number}` }
  if (hash !== record.hash) return flag(findings, 'JOURNAL_HASH', where, record.hash, hash)
  if (record.id === null) return
  const parsed = parseStrictJson(line.subarray(0, -1))
  const { event, orchestrator_id: id, amount } = parsed.kind === 'object' ? parsed.value : {}
  const expected = JSON.stringify(['credit', record.id, record.amount])
  const got = JSON.stringify([event, id, amount])
  if (expected !== got) flag(findings, 'JOURNAL_MEANING', where, expected, got)
}

/** Complete lines with their newline; a half-written last one waits. */
async function* linesOf(path: string): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0)
  try {
    for await (const chunk of createReadStream(path)) {
      let bytes = concatBytes(rest, chunk as Uint8Array)
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE)) {
        yield bytes.subarray(0, end + 1)
        bytes = bytes.subarray(end + 1)
      }
      if (bytes.length > LINE_BYTES_MAX)
        throw new CodedError('JOURNAL_UNREADABLE', `expected a line of at most ${LINE_BYTES_MAX} bytes in ${path}`)
      rest = bytes.slice()
    }
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw new CodedError('JOURNAL_UNREADABLE', `expected to read ${path}, got ${(cause as Error).message}`, { cause })
  }
}
