/** A range of seeds in pieces, each played by a process of its own: a crash of one loses its piece and nothing else. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import {
  addPiece,
  medianOf,
  PieceResult,
  type Progress,
  readProgress,
  type StoredProgress,
  writeProgress,
} from './progress.ts'

export type RangeOptions = {
  /** The program that plays one piece. */
  readonly player: string
  readonly from: number
  readonly seeds: number
  readonly cores: number
  readonly statePath: string
  readonly say: (line: string) => void
}

const PIECE_SEEDS_MAX = 500
const PIECE_SEEDS_MIN = 50
const FAILURES_MAX = 100
const MS_PER_SECOND = 1_000

export async function playRange(options: RangeOptions): Promise<Progress> {
  const progress = readProgress(options.statePath, options.from, options.seeds)
  if (progress.played > 0) options.say(`going on after ${progress.played} seeds (${options.statePath})`)
  const size = Math.min(PIECE_SEEDS_MAX, Math.max(PIECE_SEEDS_MIN, Math.ceil(options.seeds / options.cores)))
  const pieces = piecesOf(options, size).filter(({ first }) => !progress.done.includes(first))
  const work = async (): Promise<void> => {
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      if (progress.failures.length >= FAILURES_MAX) return
      await playPiece(options, progress, piece)
    }
  }
  await Promise.all(Array.from({ length: options.cores }, work))
  return { ...progress, stepsMedian: medianOf(progress.lengths) }
}

type Piece = { readonly first: number; readonly seeds: number }

function piecesOf({ from, seeds }: RangeOptions, size: number): Piece[] {
  return Array.from({ length: Math.ceil(seeds / size) }, (_, at) => ({
    first: from + at * size,
    seeds: Math.min(size, seeds - at * size),
  }))
}

async function playPiece(options: RangeOptions, progress: StoredProgress, { first, seeds }: Piece): Promise<void> {
  const startedAtMs = performance.now()
  const words = [options.player, '--from', `${first}`, '--seeds', `${seeds}`, '--failures', `${FAILURES_MAX}`]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  let result: PieceResult | undefined
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as { kind: string; seed: number; property: string; told: string }
    if (line.kind === 'end') result = PieceResult.parse(line)
    if (line.kind === 'failure') noteFailure(options, progress, line)
  }
  if (result === undefined) throw new Error(`the process of seeds ${first} and on ended before its last one`)
  addPiece(progress, first, result, (performance.now() - startedAtMs) / MS_PER_SECOND)
  writeProgress(options.statePath, progress)
  options.say(`${progress.played} of ${options.seeds} seeds, ${progress.failures.length} failed`)
}

/** One command brings the failure back. A piece that was interrupted tells its failures again. */
function noteFailure(
  { say }: RangeOptions,
  { failures }: StoredProgress,
  { seed, property, told }: { seed: number; property: string; told: string },
): void {
  if (failures.some((known) => known.seed === seed)) return
  failures.push({ seed, property, told })
  say(`seed ${seed} broke "${property}": ${told.split('\n')[0]}`)
  say(`  npm run simulate -- --seed ${seed}`)
}
