/** Journal lines into entries, exactly once (protocol section 6). */
import { CodedError, refuse } from '../protocol/errors.ts'
import { fromHex, type Hash } from '../protocol/ids.ts'
import { LINES_BYTES_MAX } from '../protocol/methods.ts'
import { bytesEqual } from '../protocol/words.ts'
import { isCompleteLine, judgeLine, type Line, lineHash, nextJournalHead } from './journal.ts'
import { write, writeJournalCredit } from './ledger.ts'
import type { State } from './state.ts'

export type Intake =
  | { readonly kind: 'gap'; readonly expected: number }
  | { readonly kind: 'fork'; readonly index: number }
  /** `fresh` are the lines that were not applied before. */
  | { readonly kind: 'fits'; readonly fresh: readonly Line[] }

/**
 * Where offered lines stand against the cursor. Lines that were applied before must lead to the very head that the
 * ledger has: a rewritten past is a FORK, never a second credit [S26].
 */
export function placeLines(state: State, firstIndex: number, head: Hash, lines: readonly Line[]): Intake {
  const { journalSize } = state
  if (firstIndex > journalSize || firstIndex + lines.length < journalSize) return { kind: 'gap', expected: journalSize }
  const known = journalSize - firstIndex
  let running: Uint8Array = fromHex(head)
  for (const line of lines.slice(0, known)) running = nextJournalHead(running, lineHash(line))
  if (!bytesEqual(running, state.journalHead)) return { kind: 'fork', index: firstIndex }
  return { kind: 'fits', fresh: known === 0 ? lines : lines.slice(known) }
}

/** Refuses lines that are not each one complete line, and more bytes than one call carries. */
export function checkLines(lines: readonly Line[]): void {
  let size = 0
  for (const [at, line] of lines.entries()) {
    if (!(line instanceof Uint8Array)) continue
    size += line.length
    if (!isCompleteLine(line))
      throw new CodedError('PARAMS_INVALID', `lines[${at}]: expected one line that ends in its newline`)
  }
  if (size > LINES_BYTES_MAX) refuse('PARAMS_INVALID', `at most ${LINES_BYTES_MAX} bytes of lines`, size)
}

export type IntakeResult = {
  readonly entries: readonly Uint8Array[]
  readonly refused: readonly { readonly line: number; readonly code: string }[]
  /** Log indices of the entries that credited. */
  readonly credited: readonly number[]
}

/** Applies lines that fit: each becomes one entry, and the cursor moves past each. */
export function takeLines(state: State, lines: readonly Line[], nowSeconds: number): IntakeResult {
  const entries: Uint8Array[] = []
  const refused: { line: number; code: string }[] = []
  const credited: number[] = []
  for (const line of lines) {
    const hash = lineHash(line)
    const verdict = judgeLine(state, line, hash, Math.max(state.at, nowSeconds))
    if (verdict.type === 'refuse')
      refused.push({ line: state.journalSize, code: (verdict.body as { code: string }).code })
    if (verdict.type === 'credit') {
      credited.push(state.log.size)
      entries.push(writeJournalCredit(state, verdict.body, hash, nowSeconds))
    } else entries.push(write(state, verdict.type, verdict.body, nowSeconds))
  }
  return { entries, refused, credited }
}
