/** Mishaps of a demonstration, off unless asked for: a node that loses one broadcast, a stranger who repeats another. */
import type { ChainOp } from './records.ts'

/** `dropAt` and `doubleAt` count broadcasts to the address `to`, from 1. */
export type FaultPlan = {
  readonly to: string
  readonly dropAt?: number
  readonly doubleAt?: number
  /** `answer`: say the hash as if it were accepted. `cut`: end the connection without a word. */
  readonly dropBy?: 'answer' | 'cut'
}

export type FaultState = { readonly seen: number; readonly isDropped: boolean; readonly isDoubled: boolean }

export const NO_FAULTS_YET: FaultState = { seen: 0, isDropped: false, isDoubled: false }

/** What to do with the next broadcast to the plan's address. Each fault fires once in the life of a chain. */
export function planBroadcast(plan: FaultPlan, state: FaultState): 'drop' | 'double' | 'pass' {
  const number = state.seen + 1
  if (number === plan.dropAt && !state.isDropped) return 'drop'
  if (number === plan.doubleAt && !state.isDoubled) return 'double'
  return 'pass'
}

/** The count after an operation of the log, live and in a replay. `to` is where its transaction goes, lower case. */
export function afterOp(plan: FaultPlan, state: FaultState, op: ChainOp, to: string | undefined): FaultState {
  if (op.kind === 'transaction' && to === plan.to.toLowerCase()) return { ...state, seen: state.seen + 1 }
  if (op.kind !== 'fault' || op.to !== plan.to.toLowerCase()) return state
  // A dropped broadcast is in no transaction record, so its own record counts it.
  if (op.fault === 'drop') return { ...state, seen: state.seen + 1, isDropped: true }
  return { ...state, isDoubled: true }
}
