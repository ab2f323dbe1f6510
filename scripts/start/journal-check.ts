/** Is this the journal that the ledger has read so far, and may a ledger begin with it? */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Entry } from '../../enclave/protocol/entry.ts'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { type Hash, ORCHESTRATOR_ID_BYTES_MAX } from '../../enclave/protocol/ids.ts'
import { utf8 } from '../../enclave/protocol/words.ts'

/** What one pass over a journal tells. */
export type JournalFacts = {
  readonly lines: number
  /** Line, from 0, of the first payout that the replaced host booked; undefined when there is none. */
  readonly paidLine: number | undefined
  /** Ids that credits name, in the order of their first line. */
  readonly ids: readonly string[]
}

export const JOURNAL_IDS_MAX = 100_000
/** Longer lines are refused by the ledger anyway; their rest is skipped here. */
const LINE_BYTES_KEPT = 32_768
const NEWLINE = 10

/** Refuses JOURNAL_UNREADABLE; LEDGER_FULL when it names more ids than JOURNAL_IDS_MAX. */
export async function surveyJournal(path: string): Promise<JournalFacts> {
  const ids = new Set<string>()
  let [lines, paidLine] = [0, undefined as number | undefined]
  for await (const line of readLines(path)) {
    const fields = parse(line)
    if (fields?.['event'] === 'set_balance' && isPayout(fields)) paidLine ??= lines
    if (fields?.['event'] === 'credit' && isId(fields['orchestrator_id'])) ids.add(fields['orchestrator_id'])
    if (ids.size > JOURNAL_IDS_MAX)
      throw new CodedError('LEDGER_FULL', `expected at most ${JOURNAL_IDS_MAX} ids in ${path}`)
    lines++
  }
  return { lines, paidLine, ids: [...ids] }
}

/**
 * Refuses JOURNAL_FORK with the first line that is not the one which the ledger has read: another file, a shorter one, or
 * one that was rewritten. Lines are counted from 1, as editors do.
 */
export async function requireSameJournal(path: string, read: readonly Hash[]): Promise<void> {
  let line = 0
  if (read.length === 0) return
  for await (const bytes of readLines(path, true)) {
    if (sha256(bytes) !== read[line]) refuseFork(path, line, 'another line')
    line++
    if (line === read.length) return
  }
  refuseFork(path, line, 'the end of the file')
}

/** sha256 of each journal line that a log has consumed, in order. */
export function journalHashes(entries: readonly Entry[]): Hash[] {
  return entries.flatMap((entry) => {
    if (entry.type !== 'credit' && entry.type !== 'adjust' && entry.type !== 'refuse') return []
    return entry.body.source === 'journal' ? [entry.body.hash] : []
  })
}

function refuseFork(path: string, line: number, got: string): never {
  const way = 'name the journal of this ledger, or another folder with --data'
  throw new CodedError(
    'JOURNAL_FORK',
    `FORK at line ${line + 1} of ${path}: expected the line that the ledger has read, got ${got}; ${way}`,
  )
}

/** Complete lines with their newline. `whole` keeps every byte; else long lines are cut. */
async function* readLines(path: string, whole = false): AsyncGenerator<Buffer> {
  let kept: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunksOf(path)) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE, from); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      kept.push(chunk.subarray(from, at + 1))
      yield kept.length === 1 ? (kept[0] as Buffer) : Buffer.concat(kept)
      ;[kept, bytes, from] = [[], 0, at + 1]
    }
    const rest = chunk.subarray(from)
    if (whole || bytes < LINE_BYTES_KEPT) kept.push(rest)
    bytes += rest.length
  }
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'an error'
    throw new CodedError(
      'JOURNAL_UNREADABLE',
      `expected a journal in ${path}, got ${why}; type: npm start -- --journal FILE --roster FILE`,
      { cause },
    )
  }
}

type Fields = { readonly [key: string]: unknown }

function parse(line: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined
  } catch {
    // The ledger refuses such a line with a code of its own; here it only names nobody.
    return undefined
  }
}

function isPayout({ reason, metadata }: Fields): boolean {
  return reason === 'payout' || (typeof metadata === 'object' && metadata !== null && 'tx_hash' in metadata)
}

function isId(value: unknown): value is string {
  if (typeof value !== 'string' || !value.isWellFormed()) return false
  const size = utf8(value).length
  return size >= 1 && size <= ORCHESTRATOR_ID_BYTES_MAX
}

function sha256(bytes: Uint8Array): Hash {
  return `0x${createHash('sha256').update(bytes).digest('hex')}` as Hash
}
