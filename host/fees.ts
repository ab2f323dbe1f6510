/** Gas and fees of the carrying transaction, as far as the host chooses them: within policy, and rounded up. */
import { type Wei, wei } from '../enclave/protocol/money.ts'

export type Fees = { readonly gas: number; readonly maxFeePerGasWei: string; readonly maxPriorityFeePerGasWei: string }

export const GAS_COMMIT = 120_000
export const GAS_OPEN = 120_000
const GAS_PAY_BASE = 160_000
/** A recipient's first ticket of a round, with the real neighbours of the broker. */
const GAS_TICKET = 320_000
const GAS_TRANSFER = 85_000
/** Arbitrum bills calldata as gas; its price moves, so the exact figure comes from the simulation. */
const GAS_PER_CALLDATA_BYTE = 40
const PAYOUT_BYTES = 108
const MARGIN_NUMERATOR = 5
const MARGIN_DENOMINATOR = 4
const BPS = 10_000n
/** Each bump raises the fee by an eighth, above the tenth that nodes ask of a replacement. */
const BUMP_NUMERATOR = 9n
const BUMP_DENOMINATOR = 8n

/** An upper bound, before there is a call to simulate. */
export function gasBound(payouts: number, kind: 'ticket' | 'transfer', gasMax: number): number {
  const each = (kind === 'ticket' ? GAS_TICKET : GAS_TRANSFER) + PAYOUT_BYTES * GAS_PER_CALLDATA_BYTE
  return Math.min(gasMax, payouts === 0 ? GAS_COMMIT : GAS_PAY_BASE + payouts * each)
}

/** Simulated gas and a quarter. */
export function gasLimit(simulatedGas: number, gasMax: number): number {
  return Math.min(gasMax, Math.ceil((simulatedGas * MARGIN_NUMERATOR) / MARGIN_DENOMINATOR))
}

/** The base fee with headroom, at least `floorWei` (what a bump asks for), at most the policy's cap. */
export function maxFeeWei(baseFeeWei: Wei, feeBps: number, capWei: Wei, floorWei: Wei = wei(0n)): Wei {
  const headroom = (baseFeeWei * BigInt(feeBps) + BPS - 1n) / BPS
  const wanted = headroom > floorWei ? headroom : floorWei
  return wei(wanted > capWei ? capWei : wanted)
}

export function bumpedWei(feeWei: Wei): Wei {
  return wei((feeWei * BUMP_NUMERATOR + BUMP_DENOMINATOR - 1n) / BUMP_DENOMINATOR)
}

/** Arbitrum takes no tip: the first comes first. */
export function feesOf(gas: number, feeWei: Wei): Fees {
  return { gas, maxFeePerGasWei: feeWei.toString(), maxPriorityFeePerGasWei: '0' }
}
