/** What a long run has behind it, kept in a small file so that it can be stopped at any moment. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'

/** Figures that have to be above zero in a run of so many seeds. */
const Expected = z.record(z.string(), z.int())

const Stored = z.strictObject({
  from: z.int(),
  seeds: z.int(),
  /** First seeds of the pieces that are done. */
  done: z.array(z.int()),
  played: z.int(),
  steps: z.int(),
  /** Seeds by their number of steps. */
  lengths: z.record(z.string(), z.int()),
  /** Of work, summed over all processes. */
  seconds: z.number(),
  failures: z.array(z.strictObject({ seed: z.int(), property: z.string(), told: z.string() })),
  figures: z.record(z.string(), z.int()),
  expected: Expected,
})

export type StoredProgress = z.infer<typeof Stored>
export type Progress = StoredProgress & { readonly stepsMedian: number }

/** What one process says of its piece at the end. */
export const PieceResult = z.strictObject({
  kind: z.literal('end'),
  played: z.int(),
  failures: z.int(),
  steps: z.int(),
  lengths: z.record(z.string(), z.int()),
  figures: z.record(z.string(), z.int()),
  expected: Expected,
})
export type PieceResult = z.infer<typeof PieceResult>

/** The run of this range as far as it got; a new one when there is none, or the file is about another range. */
export function readProgress(path: string, from: number, seeds: number): StoredProgress {
  const known = read(path)
  if (known !== undefined && known.from === from && known.seeds === seeds) return known
  return {
    from,
    seeds,
    done: [],
    played: 0,
    steps: 0,
    lengths: {},
    seconds: 0,
    failures: [],
    figures: {},
    expected: {},
  }
}

function read(path: string): StoredProgress | undefined {
  try {
    return Stored.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Another name first, so that a stop in the middle leaves the file before it. */
export function writeProgress(path: string, progress: StoredProgress): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, JSON.stringify(progress))
  renameSync(`${path}.new`, path)
}

export function addPiece(progress: StoredProgress, first: number, piece: PieceResult, seconds: number): void {
  progress.done.push(first)
  progress.played += piece.played
  progress.steps += piece.steps
  progress.seconds += seconds
  addTo(progress.lengths, piece.lengths)
  addTo(progress.figures, piece.figures)
  Object.assign(progress.expected, piece.expected)
}

function addTo(sums: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, times] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + times
}

export function medianOf(lengths: Readonly<Record<string, number>>): number {
  const sorted = Object.entries(lengths)
    .map(([steps, times]) => ({ steps: Number.parseInt(steps, 10), times }))
    .sort((left, right) => left.steps - right.steps)
  const half = sorted.reduce((sum, { times }) => sum + times, 0) / 2
  let before = 0
  for (const { steps, times } of sorted) {
    before += times
    if (before >= half) return steps
  }
  return 0
}
