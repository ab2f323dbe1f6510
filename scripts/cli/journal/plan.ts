/** Where fillers go, from the facts alone. */
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import type { FileFacts, Past } from './past.ts'

/** `count` fillers, of which the first stands at line `from`. */
export type Padding = {
  /** `insert`: lines that were never read come after them. `none`: as many lines as were read are there. */
  readonly kind: 'append' | 'insert' | 'none'
  readonly from: number
  readonly count: number
}

/**
 * After a truncation every line of the file is one that was read, and fillers come last. Where other lines stand in the file
 * they may be new: a filler before the cursor would then push them behind it for ever, so the operator names the first of
 * them. Refuses JOURNAL_FORK where he has to, and a place that cannot be it.
 */
export function planPadding(past: Past, facts: FileFacts, freshFrom: number | undefined): Padding {
  const { lines, agrees, headAtSize, partialBytes } = facts
  if (headAtSize === past.head) return { kind: 'none', from: past.size, count: 0 }
  if (freshFrom === undefined && agrees !== lines) throw undecided(agrees)
  const from = freshFrom ?? lines
  if (from > Math.min(lines, past.size))
    refuse('JOURNAL_FORK', `in --fresh-from at most ${Math.min(lines, past.size)}`, from)
  if (agrees !== undefined && from < agrees)
    refuse('JOURNAL_FORK', `in --fresh-from at least ${agrees}: those were read`, from)
  const count = past.size - from
  if (count === 0) return { kind: 'none', from, count }
  if (from < lines) return { kind: 'insert', from, count }
  // What is left of a line that was cut gets its newline and takes the place of one filler.
  const cut = partialBytes === 0 ? 0 : 1
  return { kind: 'append', from: from + cut, count: count - cut }
}

function undecided(agrees: number | undefined): CodedError {
  return agrees === undefined
    ? new CodedError('JOURNAL_FORK', 'whether these lines were read cannot be told; say it with --fresh-from LINE')
    : new CodedError(
        'JOURNAL_FORK',
        `line ${agrees} is not the one that was read; if it and those after it never were, say --fresh-from ${agrees}`,
      )
}
