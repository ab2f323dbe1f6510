/**
 * What went out or came in within a rolling window (protocol section 6). Amounts that lie close together are kept as one
 * that counts until its newest part has left the window: a cap may bind a little early, never late.
 */
import type { Wei } from '../protocol/money.ts'
import { addWei } from '../protocol/money.ts'

/** Amounts from `fromSeconds` to `lastSeconds`, both by `at`. */
export type Spending = { readonly fromSeconds: number; lastSeconds: number; wei: Wei }

/** In order of time. */
export type Window = Spending[]

/** A window keeps about so many parts, whatever its width. */
export const WINDOW_PARTS = 64

/** The sum that still counts at `atSeconds`. */
export function spentWei(window: Window, atSeconds: number, windowSeconds: number): bigint {
  let sum = 0n
  for (const { lastSeconds, wei } of window) if (lastSeconds + windowSeconds > atSeconds) sum += wei
  return sum
}

/** What is left of a cap: never below zero, since a cap may have been lowered since. */
export function roomWei(window: Window, atSeconds: number, windowSeconds: number, capWei: Wei): bigint {
  const room = capWei - spentWei(window, atSeconds, windowSeconds)
  return room > 0n ? room : 0n
}

/** From when on so much of a cap is left, if nothing is added: 0 when it is left already. */
export function freeAtSeconds(window: Window, windowSeconds: number, capWei: Wei, amountWei: Wei): number {
  let usedWei = window.reduce((sum, { wei }) => sum + wei, 0n)
  let at = 0
  for (const { lastSeconds, wei } of window) {
    if (capWei - usedWei >= amountWei) break
    usedWei -= wei
    at = lastSeconds + windowSeconds
  }
  return at
}

/** Adds an amount and forgets what has left the window. */
export function spend(window: Window, atSeconds: number, windowSeconds: number, amountWei: Wei): void {
  while (window[0] !== undefined && window[0].lastSeconds + windowSeconds <= atSeconds) window.shift()
  const newest = window.at(-1)
  if (newest !== undefined && (atSeconds - newest.fromSeconds) * WINDOW_PARTS < windowSeconds) {
    newest.lastSeconds = atSeconds
    newest.wei = addWei(newest.wei, amountWei)
  } else window.push({ fromSeconds: atSeconds, lastSeconds: atSeconds, wei: amountWei })
}
