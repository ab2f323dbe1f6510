/** What to do with the journal, from the facts alone. */
import type { Phase } from '../../enclave/protocol/methods.ts'

export type IngestFacts = {
  readonly phase: Phase
  /** A flag in DATA/control keeps this stage still. */
  readonly stopped: boolean
  /** The route that the policy in force leaves open: on a signed ledger the journal's end is final [G17]. */
  readonly credits: 'host-trusted' | 'signed'
  /** Lines that the ledger has consumed, and the head it has after them. */
  readonly journalSize: number
  readonly journalHead: string
  /** The file at that line: the head that its content leads to, or how many lines it has when fewer. */
  readonly file: { readonly kind: 'at'; readonly head: string } | { readonly kind: 'short'; readonly lines: number }
}

export type IngestDecision =
  | { readonly kind: 'wait'; readonly why: 'stopped' | 'phase' | 'route' }
  | { readonly kind: 'read' }
  /** The journal is not the one that was read before. Never repaired: the shard's intake stops [S26]. */
  | { readonly kind: 'fork'; readonly line: number; readonly why: 'truncated' | 'rewritten' }

export function planIngest(facts: IngestFacts): IngestDecision {
  if (facts.stopped) return { kind: 'wait', why: 'stopped' }
  if (facts.phase !== 'active') return { kind: 'wait', why: 'phase' }
  if (facts.credits === 'signed') return { kind: 'wait', why: 'route' }
  if (facts.file.kind === 'short') return { kind: 'fork', line: facts.file.lines, why: 'truncated' }
  if (facts.file.head !== facts.journalHead) return { kind: 'fork', line: facts.journalSize, why: 'rewritten' }
  return { kind: 'read' }
}

export const BATCH_LINES_MIN = 50
export const BATCH_LINES_MAX = 2_000
/** A call shorter than this wastes round trips; one longer keeps the other stages waiting. */
export const CALL_MS_MIN = 20
export const CALL_MS_MAX = 100

/** How many lines the next call carries, from how long the last one took. */
export function nextBatchLines(lines: number, tookMs: number): number {
  if (tookMs > CALL_MS_MAX) return Math.max(BATCH_LINES_MIN, Math.floor(lines / 2))
  if (tookMs < CALL_MS_MIN) return Math.min(BATCH_LINES_MAX, lines * 2)
  return lines
}
