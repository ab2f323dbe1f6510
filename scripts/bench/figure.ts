/** One measured figure beside its bound: what the same work costs at least, or what it replaces, in the same run. */
import { ownMs } from './clock.ts'

export type Target = {
  readonly side: 'at least' | 'at most'
  readonly ratio: number
}

export type Figure = {
  readonly what: string
  /** What the two values below are to each other; the target says which way is good. */
  readonly ratio: number
  /** Absent where no bound says how good it could be. */
  readonly target?: Target
  readonly value: string
  readonly bound: string
  readonly boundValue: string
  /** What keeps it from the bound, and what would come next. */
  readonly note: string
}

type Said = Pick<Figure, 'what' | 'bound' | 'note'> & { readonly target?: Target }

/** Rates, largest of the runs: the share of the bound's speed. */
export function shareFigure(said: Said, perSecond: number, boundPerSecond: number): Figure {
  return {
    ...said,
    ratio: perSecond / boundPerSecond,
    value: showRate(perSecond),
    boundValue: showRate(boundPerSecond),
  }
}

/** Durations, smallest of the runs: so many times as long as the bound. */
export function costFigure(said: Said, ms: number, boundMs: number): Figure {
  return { ...said, ratio: ms / boundMs, value: showMs(ms), boundValue: showMs(boundMs) }
}

/** Durations: so many times as fast as what it stands in place of. */
export function gainFigure(said: Said, ms: number, boundMs: number): Figure {
  return { ...said, ratio: boundMs / ms, value: showMs(ms), boundValue: showMs(boundMs) }
}

export function sizeFigure(said: Said, bytes: number, boundBytes: number): Figure {
  return { ...said, ratio: bytes / boundBytes, value: showBytes(bytes), boundValue: showBytes(boundBytes) }
}

/** How a figure stands to its target. */
export function verdictOf({ ratio, target }: Figure): string {
  if (target === undefined) return ''
  const share = target.side === 'at least' ? ratio / target.ratio : target.ratio / ratio
  return share >= 1 ? 'met' : `missed by ${Math.ceil((1 - share) * PERCENT)} %`
}

const PERCENT = 100
const MS_PER_SECOND = 1_000
const MIB = 1_048_576

export function perSecond(count: number, ms: number): number {
  return (count * MS_PER_SECOND) / ms
}

/** The best of so many runs: what disturbs a run only ever makes it longer. */
export async function bestMs(runs: number, run: () => Promise<number> | number): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let at = 0; at < runs; at++) best = Math.min(best, await run())
  return best
}

/** What `work` computes in this thread, above zero: the kernel counts in ticks, and what is shorter may seem to take nothing. */
export function timeMs(work: () => void): number {
  const startMs = ownMs()
  work()
  return Math.max(ownMs() - startMs, SPAN_MS_MIN)
}

const SPAN_MS_MIN = 0.01

export function showRatio(ratio: number): string {
  return ratio >= 100 ? Math.round(ratio).toLocaleString('en') : ratio.toPrecision(3)
}

function showMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${Math.round(ms).toLocaleString('en')} ms`
}

function showRate(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')} /s`
}

function showBytes(bytes: number): string {
  return `${Math.round(bytes / MIB).toLocaleString('en')} MiB`
}
