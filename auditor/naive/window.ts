/** What came in or went out within a rolling window: every amount by itself, with its own time (protocol section 3). */

export type Window = {
  /** In order of time; those before `first` have left the window for good. */
  readonly amounts: { readonly atSeconds: number; readonly wei: bigint }[]
  first: number
  /** Of the amounts from `first` on. */
  sumWei: bigint
}

export function newWindow(): Window {
  return { amounts: [], first: 0, sumWei: 0n }
}

/** The exact sum that counts at `atSeconds`. The enclave may count a little more, since it merges, and never less. */
export function withinWei(window: Window, atSeconds: number, windowSeconds: number): bigint {
  let sum = window.sumWei
  for (let at = window.first; at < window.amounts.length; at++) {
    const amount = window.amounts[at] as Window['amounts'][number]
    if (amount.atSeconds + windowSeconds > atSeconds) break
    sum -= amount.wei
  }
  return sum
}

/** Adds an amount; what has left the window by now never comes back, also not into a wider one. */
export function addTo(window: Window, atSeconds: number, windowSeconds: number, amountWei: bigint): void {
  for (let oldest = window.amounts[window.first]; oldest !== undefined; oldest = window.amounts[window.first]) {
    if (oldest.atSeconds + windowSeconds > atSeconds) break
    window.sumWei -= oldest.wei
    window.first++
  }
  window.amounts.push({ atSeconds, wei: amountWei })
  window.sumWei += amountWei
}
