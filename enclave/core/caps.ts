/** How much a source of credits may bring: the journal's writer, or a reporter (protocol section 6) [S29]. */
import type { Policy } from '../protocol/policy.ts'
import type { CreditUse, State } from './state.ts'
import { roomWei } from './window.ts'

/** Whether `addedWei` more would pass the caps of a source of credits. */
export function passesCap(
  state: State,
  use: CreditUse,
  caps: Policy['journal'],
  addedWei: bigint,
  at: number,
): boolean {
  if (use.creditedWei + addedWei > caps.lifetimeWeiMax) return true
  // A window as wide as the lifetime never binds, and need not be added up.
  if (caps.windowWeiMax >= caps.lifetimeWeiMax) return false
  return addedWei > roomWei(use.window, at, state.policy.windowSeconds, caps.windowWeiMax)
}
