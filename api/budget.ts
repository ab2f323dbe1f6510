/** How many calls somebody may cause in a span of time. Time is an argument. */

export type Take = { readonly kind: 'taken' } | { readonly kind: 'spent'; readonly waitMs: number }

/** At most `callsMax` in any span of `spanMs`, wherever the span begins. */
export class Budget {
  readonly #callsMax: number
  readonly #spanMs: number
  /** When each call of the last span was taken: never more than callsMax instants. */
  #takenAtMs: readonly number[] = []

  constructor(callsMax: number, spanMs: number) {
    this.#callsMax = callsMax
    this.#spanMs = spanMs
  }

  /** Takes one call, or says how long it is until one is free. */
  take(nowMs: number): Take {
    this.#takenAtMs = this.#takenAtMs.filter((atMs) => nowMs - atMs < this.#spanMs)
    const oldest = this.#takenAtMs[0]
    if (oldest !== undefined && this.#takenAtMs.length >= this.#callsMax)
      return { kind: 'spent', waitMs: this.#spanMs - (nowMs - oldest) }
    this.#takenAtMs = [...this.#takenAtMs, nowMs]
    return { kind: 'taken' }
  }
}
