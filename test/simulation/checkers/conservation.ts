/** credited = Σ balances + paid + reserved in every enclave, and no balance is negative. */

import type { Boot, World } from '../scene.ts'
import { claim } from '../violation.ts'

const PROPERTY = 'money is conserved'

export function checkConservation(_: World, { instance, number }: Boot): void {
  const { state } = instance
  if (state === undefined) return
  const sums = { creditedWei: 0n, paidWei: 0n, reservedWei: 0n }
  for (const { creditedWei, paidWei, reservedWei, id } of state.accounts) {
    const balanceWei = creditedWei - paidWei - reservedWei
    claim(PROPERTY, balanceWei >= 0n, () => `enclave ${number}: ${id} has a balance of ${balanceWei} wei`)
    sums.creditedWei += creditedWei
    sums.paidWei += paidWei
    sums.reservedWei += reservedWei
  }
  for (const column of ['creditedWei', 'paidWei', 'reservedWei'] as const) {
    const holds = sums[column] === state[column]
    claim(
      PROPERTY,
      holds,
      () => `enclave ${number}: ${column} is ${state[column]}, its accounts sum to ${sums[column]}`,
    )
  }
  const unlandedWei = (state.unlanded?.payouts ?? []).reduce((sum, { wei }) => sum + wei, 0n)
  const reserved = state.reservedWei === unlandedWei
  claim(PROPERTY, reserved, () => `enclave ${number}: ${state.reservedWei} wei reserved, ${unlandedWei} wei under way`)
}
