/** Every wei of the chain has a place: what came into the treasury is there or was paid, what lies in a deposit was given. */
import type { Address } from '../../../enclave/protocol/ids.ts'
import type { Block } from '../chain/chain.ts'
import type { World } from '../scene.ts'
import { claim } from '../violation.ts'

/** What came from outside, up to a block. */
export type Flows = { readonly fundedWei: bigint; readonly donatedWei: bigint; readonly strayWei: bigint }

const PROPERTY = 'money is conserved'
const NONE: Flows = { fundedWei: 0n, donatedWei: 0n, strayWei: 0n }

export function flowsAfter(before: Flows = NONE, { included }: Block): Flows {
  const flows = { ...before }
  for (const { transaction, outcome } of included) {
    if (outcome.kind === 'reverted') continue
    if (transaction.kind === 'fund') flows.fundedWei += transaction.wei
    if (transaction.kind === 'donate') flows.donatedWei += transaction.wei
    if (transaction.kind === 'redeem') flows.strayWei += sum(outcome.broker.map((one) => movedBy(one)))
  }
  return flows
}

/** Out of a deposit; the broker tells the face value of a ticket too, which moves nothing. */
function movedBy({ kind, amountWei }: { readonly kind: string; readonly amountWei: bigint }): bigint {
  return kind === 'moved' ? amountWei : 0n
}

/** `paidWei`: what the landed headers say that each recipient was paid. */
export function checkTreasury(
  { chain }: World,
  { number, state }: Block,
  { fundedWei, donatedWei, strayWei }: Flows,
  paidWei: ReadonlyMap<Address, bigint> = new Map(),
): void {
  const { receivedWei, treasuryWei, depositsWei } = state
  for (const recipient of new Set([...receivedWei.keys(), ...paidWei.keys()])) {
    const [received, paid] = [receivedWei.get(recipient) ?? 0n, paidWei.get(recipient) ?? 0n]
    claim(PROPERTY, received === paid, () => `block ${number}: ${recipient} received ${received} wei of ${paid} paid`)
  }
  const cameWei = chain.genesisState.treasuryWei + fundedWei
  const isWhole = treasuryWei + sum(receivedWei.values()) === cameWei
  claim(PROPERTY, isWhole, () => `block ${number}: ${treasuryWei} wei are left of ${cameWei}`)
  const depositedWei = sum(depositsWei.values())
  const isDonated = depositedWei + strayWei === donatedWei
  claim(PROPERTY, isDonated, () => `block ${number}: ${depositedWei} wei in deposits, ${donatedWei} donated`)
}

function sum(values: Iterable<bigint>): bigint {
  let total = 0n
  for (const value of values) total += value
  return total
}
