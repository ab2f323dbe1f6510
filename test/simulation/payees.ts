/** Whom the payouts of an account go to, as protocol section 6 has it: one recipient, and at most one who waits to follow. */
import type { Address } from '../../enclave/protocol/ids.ts'

/** A change waits for so many landed headers, and so long by `at`. */
export const CHANGE_SEQUENCES = 100
export const CHANGE_SECONDS = 72 * 3_600

export type Waiting = { readonly recipient: Address; readonly sequence: number; readonly at: number }

/** As the log has it. Undefined while nobody is pinned, or nobody waits. */
export type Payee = {
  readonly recipient: Address | undefined
  readonly waiting: Waiting | undefined
  /** Took over from somebody else. */
  readonly isHeir: boolean
  /** Number of the newest registration or change. */
  readonly regSeq: number
}

/** The newest landed header that the log tells of, and the time of the entry that asks. */
export type Moment = { readonly sequence: number; readonly at: number }

export const NOBODY: Payee = { recipient: undefined, waiting: undefined, isHeir: false, regSeq: 0 }

/** The same account once whoever has waited long enough took over. */
export function ripened(payee: Payee, { sequence, at }: Moment): Payee {
  const { waiting } = payee
  if (waiting === undefined) return payee
  const isRipe = sequence - waiting.sequence >= CHANGE_SEQUENCES && at - waiting.at >= CHANGE_SECONDS
  return isRipe ? { ...payee, recipient: waiting.recipient, waiting: undefined, isHeir: true } : payee
}
