/** A new header, with or without payouts (protocol section 5). */
import type { Payout } from '../protocol/entry.ts'
import { headerHash } from '../protocol/header.ts'
import type { Wei } from '../protocol/money.ts'
import { closeHeader } from './header-of.ts'
import { write } from './ledger.ts'
import { checkCadence, checkMayCommit, checkPayouts, chooseDue } from './payout.ts'
import type { State } from './state.ts'

/**
 * Chooses, reserves and closes: afterwards the state has an unlanded commit. `mode` bare pays nobody. All refusals come
 * before the first change: COMMIT_UNLANDED, SEQUENCE_SPENT, NOTHING_DUE, CADENCE_EARLY.
 */
export function makeCommit(
  state: State,
  mode: 'pay' | 'bare',
  budgetWei: Wei,
  nowSeconds: number,
): readonly Uint8Array[] {
  checkMayCommit(state)
  const entries: Uint8Array[] = []
  if (mode === 'pay') {
    const payouts: Payout[] = chooseDue(state, budgetWei, Math.max(state.at, nowSeconds))
    checkPayouts(state, payouts)
    entries.push(write(state, 'reserve', { sequence: state.sequence + 1, payouts }, nowSeconds))
  } else checkCadence(state, nowSeconds)
  const header = closeHeader(state)
  entries.push(write(state, 'commit', { header, hash: headerHash(header) }, nowSeconds))
  return entries
}
