/** What holds after every command, whatever came in. A violation is a bug of ours. */
import { assert } from '../protocol/errors.ts'
import { LEDGER_WEI_LIMIT, ZERO_WEI } from '../protocol/money.ts'
import type { State } from './state.ts'

/** The cheap ones, after each command. */
export function assertInvariants(state: State): void {
  assert(state.creditedWei < LEDGER_WEI_LIMIT, 'the total stays below 2^127')
  assert(state.creditedWei >= state.paidWei + state.reservedWei, 'nothing is paid or reserved that was not credited')
  assert(state.reserving === null, 'a reserve is never without its commit')
  assert(
    (state.unlanded === null || state.unlanded.payouts.length === 0) === (state.reservedWei === 0n),
    'reserved money belongs to the unlanded commit',
  )
  assert(
    state.unlanded === null || state.unlanded.header.sequence === state.sequence + 1,
    'the unlanded commit is the next one',
  )
}

/** credited = Σ balances + paid + reserved, account by account: at load and in tests. */
export function assertConservation(state: State): void {
  let credited = 0n
  let paid = 0n
  let reserved = 0n
  for (const { creditedWei, paidWei, reservedWei } of state.accounts) {
    assert(creditedWei >= paidWei + reservedWei, 'no balance is negative')
    credited += creditedWei
    if (paidWei !== ZERO_WEI) paid += paidWei
    if (reservedWei !== ZERO_WEI) reserved += reservedWei
  }
  assert(
    credited === state.creditedWei && paid === state.paidWei && reserved === state.reservedWei,
    'the totals are the sums',
  )
}
