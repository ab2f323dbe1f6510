/** One measured figure and the bound that it is near: the least that any program must spend on the same work. */

export type Figure = {
  readonly what: string
  readonly value: string
  /** What the bound is, and its value in the same run. */
  readonly bound: string
  readonly boundValue: string
  /** Measured over bound: how many times dearer than the least. */
  readonly times: number
}

/** Durations, smallest of the runs. */
export function durationFigure(what: string, ms: number, bound: string, boundMs: number): Figure {
  return { what, value: showMs(ms), bound, boundValue: showMs(boundMs), times: ms / boundMs }
}

/** Rates, largest of the runs. */
export function rateFigure(what: string, perSecond: number, bound: string, boundPerSecond: number): Figure {
  return {
    what,
    value: showRate(perSecond),
    bound,
    boundValue: showRate(boundPerSecond),
    times: boundPerSecond / perSecond,
  }
}

/** The best of so many runs: what disturbs a run only ever makes it longer. */
export async function bestMs(runs: number, run: () => Promise<number> | number): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let at = 0; at < runs; at++) best = Math.min(best, await run())
  return best
}

export function timeMs(work: () => void): number {
  const startMs = performance.now()
  work()
  return performance.now() - startMs
}

function showMs(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`
}

function showRate(perSecond: number): string {
  return `${Math.round(perSecond).toLocaleString('en')} /s`
}
