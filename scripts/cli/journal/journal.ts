/**
 * `anchorhold journal check|pad`: what to do with a journal that lost lines after the ledger had read them. The cursor never
 * goes back, so the lost lines get fillers in their place; a quorum then signs for the head that the file leads to now. Money
 * is not touched: what was credited stays in the log, and a filler is an event that no ledger knows.
 */
import { chmod, readFile, stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import { utf8 } from '../../../enclave/protocol/words.ts'
import type { Context } from '../../../host/context.ts'
import { appendLines, writeDurably } from '../../../host/durable-file.ts'
import { LineSplitter } from '../../../host/line-splitter.ts'
import { type Answer, EXIT_FAILED, EXIT_OK, tableOf } from '../answer.ts'
import { answering, type Run, type Typed } from '../command.ts'
import { recordCommand } from '../context.ts'
import { type FileFacts, type Past, readFacts, readPast } from './past.ts'
import { type Padding, planPadding } from './plan.ts'

const LINES_PER_WRITE = 10_000
/** A file with lines that were never read is written anew, out of memory. */
export const REWRITE_BYTES_MAX = 268_435_456
const MODE_BITS = 0o777

export function addJournal(program: Command, run: Run): void {
  const journal = program.command('journal').description('the journal beside what the ledger has read of it')
  answering(
    journal.command('check').description('is it the file that was read, and where does it begin to differ'),
    run,
    checkAnswer,
  )
  answering(
    journal
      .command('pad')
      .description('put fillers in the place of lines that were lost after they were read')
      .option('--fresh-from <line>', 'the lines of the file from this one on were never read; lines count from 0'),
    run,
    (context, _, words) => padAnswer(context, words),
  )
}

/** Ends with 0 when the file leads to the ledger's head, 1 when it does not. */
export async function checkAnswer(context: Context): Promise<Answer> {
  const past = await readPast(context)
  return answerOf('anchorhold-journal-check/1', past, await readFacts(context.config.journal, past))
}

/** Refuses JOURNAL_FORK where a filler could hide a line that was never read, or have one read twice. */
export async function padAnswer(context: Context, words: Typed): Promise<Answer> {
  const path = context.config.journal
  const past = await readPast(context)
  const padding = planPadding(past, await readFacts(path, past), freshFromOf(words))
  if (padding.kind === 'append' || padding.kind === 'insert') {
    await recordCommand(context, 'journal pad', { ...padding, journalSize: past.size, journalHead: past.head })
    if (padding.kind === 'append') await append(path, padding)
    else await insert(path, past, padding)
  }
  const facts = await readFacts(path, past)
  if (padding.kind === 'append' && facts.lines !== past.size)
    refuse('JOURNAL_FORK', `${past.size} lines after padding: stop whatever writes to the journal`, facts.lines)
  return answerOf('anchorhold-journal-pad/1', past, facts)
}

function freshFromOf(words: Typed): number | undefined {
  const text = words['freshFrom']
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) refuse('CONFIG_INVALID', 'in --fresh-from the number of a line', text)
  return Number.parseInt(text, 10)
}

/** An unknown event: a ledger that reads it refuses the line and moves on. */
export function filler(line: number): string {
  return `${JSON.stringify({ event: 'journal_filler', line })}\n`
}

function* fillers(from: number, count: number): Generator<string> {
  for (let line = from; line < from + count; line += LINES_PER_WRITE) {
    const some = Math.min(LINES_PER_WRITE, from + count - line)
    yield Array.from({ length: some }, (_, at) => filler(line + at)).join('')
  }
}

/** In place: whoever has the file open for appending goes on writing to the same one. */
async function append(path: string, { from, count }: Padding): Promise<void> {
  // A line that was cut gets its newline by the first of these, which may be all that is missing.
  if (count === 0) await appendLines(path, '')
  for (const text of fillers(from, count)) await appendLines(path, text)
}

/**
 * Lines that were never read have to come after the fillers, so the file is written anew: 1 the old one beside it, 2 the new
 * one in its place. A crash between leaves the old file as it was.
 */
async function insert(path: string, past: Past, { from, count }: Padding): Promise<void> {
  const { size, mode } = await stat(path)
  if (size > REWRITE_BYTES_MAX)
    refuse('JOURNAL_FORK', `a journal of at most ${REWRITE_BYTES_MAX} bytes to rewrite`, size)
  const bytes = await readFile(path)
  const cut = cutBefore(bytes, from, past)
  await writeDurably(`${path}.before-${past.size}`, bytes)
  const grown = (await stat(path)).size
  if (grown !== bytes.length)
    refuse('JOURNAL_FORK', `${bytes.length} bytes as before: stop whatever writes to the journal`, grown)
  await writeDurably(
    path,
    Buffer.concat([bytes.subarray(0, cut), utf8([...fillers(from, count)].join('')), bytes.subarray(cut)]),
  )
  // Whoever wrote the old file must be able to write this one.
  await chmod(path, mode & MODE_BITS)
}

/** The offset of line `from`. Refuses JOURNAL_FORK when a line from there on was read before: it would be credited again. */
function cutBefore(bytes: Buffer, from: number, { firstLine, hashes }: Past): number {
  const read = new Map(hashes.map((hash, at) => [hash, firstLine + at]))
  let [line, offset, cut] = [0, 0, 0]
  for (const { hash, size } of new LineSplitter().push(Buffer.from(bytes))) {
    if (line === from) cut = offset
    const before = line < from ? undefined : read.get(toHash(hash))
    if (before !== undefined)
      throw new CodedError('JOURNAL_FORK', `line ${line} was read before as line ${before} and would be credited again`)
    offset += size
    line += 1
  }
  return line === from ? offset : cut
}

type Verdict = 'fits' | 'short' | 'differs'

function answerOf(format: string, past: Past, facts: FileFacts): Answer {
  const verdict = verdictOf(past, facts)
  const { lines, partialBytes, agrees, headAtSize } = facts
  const rows = [
    ['ledger', `${past.size} lines read, head ${past.head}`],
    ['file', `${lines} whole lines${partialBytes === 0 ? '' : ` and ${partialBytes} bytes of another`}`],
    ['as they were read', agrees === undefined ? 'cannot be told' : `${Math.min(agrees, past.size)} lines`],
    ['verdict', WORDS[verdict]],
  ]
  if (verdict === 'differs')
    rows.push(['to accept it', `anchorhold admin journal-reset propose --new-head ${headAtSize}`])
  const value = {
    verdict,
    journalSize: past.size,
    journalHead: past.head,
    lines,
    partialBytes,
    agrees: agrees ?? null,
    newHead: headAtSize ?? null,
  }
  const isDone = verdict === 'fits' || (format === 'anchorhold-journal-pad/1' && verdict === 'differs')
  return { format, value, text: tableOf(rows), exitCode: isDone ? EXIT_OK : EXIT_FAILED }
}

const WORDS: { readonly [verdict in Verdict]: string } = {
  fits: 'the file leads to the ledger’s head',
  short: 'lines that were read are missing: restore the file, or pad it',
  differs: 'the file leads to another head: restore it, or have a quorum accept it',
}

function verdictOf({ size, head }: Past, { lines, headAtSize }: FileFacts): Verdict {
  if (lines < size) return 'short'
  return headAtSize === head ? 'fits' : 'differs'
}
