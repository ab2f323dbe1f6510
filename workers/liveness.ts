/**
 * A process that no longer consumes ends itself, and whoever started it starts it again: a healthy Redis, a healthy `add`
 * and a worker that says it is running prove nothing (docs/OPERATIONS.md, "Processes").
 *
 * Each stage is rung once a second whatever happens, so one that has not looked for long is wedged, or Redis is away for
 * longer than a fresh process would mind.
 */

export const CHECK_EVERY_MS = 1_000

export type Liveness = {
  /** This stage has taken a job, or looked once within one. */
  note(name: string): void
  close(): void
}

/** Calls `onDead` once, with the stage and its silence, when one of `names` is silent for longer than `silenceMsMax`. */
export function watchLiveness(
  names: readonly string[],
  silenceMsMax: number,
  onDead: (name: string, silentMs: number) => void,
  now: () => number = () => performance.now(),
): Liveness {
  const startMs = now()
  const lastMs = new Map(names.map((name) => [name, startMs]))
  const check = () => {
    const silent = longestSilence(lastMs, now())
    if (silent === undefined || silent.silentMs <= silenceMsMax) return
    clearInterval(timer)
    onDead(silent.name, silent.silentMs)
  }
  const timer = setInterval(check, CHECK_EVERY_MS)
  return { note: (name) => void lastMs.set(name, now()), close: () => clearInterval(timer) }
}

/** The name that was heard last the longest ago; undefined without names. */
export function longestSilence(
  lastMs: ReadonlyMap<string, number>,
  nowMs: number,
): { readonly name: string; readonly silentMs: number } | undefined {
  const [oldest] = [...lastMs].sort(([, left], [, right]) => left - right)
  return oldest && { name: oldest[0], silentMs: nowMs - oldest[1] }
}
