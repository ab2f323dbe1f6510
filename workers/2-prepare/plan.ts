/** Whether to sign a commit now, and of which kind, from the facts alone (docs/OPERATIONS.md, "What prepare does"). */
import type { Phase } from '../../enclave/protocol/methods.ts'
import type { Wei } from '../../enclave/protocol/money.ts'

export type PrepareFacts = {
  readonly phase: Phase
  readonly stopped: boolean
  /** Null without an unlanded commit; `live` when an attempt of it may be broadcast. */
  readonly unlanded: { readonly live: boolean } | null
  /** The anchor's head, epoch and session are the ledger's. */
  readonly agrees: boolean
  readonly frozen: boolean
  readonly strategy: 'ticket' | 'transfer'
  readonly roundReady: boolean
  readonly dueAccounts: number
  readonly dueWei: Wei
  readonly treasuryWei: Wei
  readonly payoutWeiMin: Wei
  readonly baseFeeWei: Wei
  readonly gasPriceWeiMax: Wei
  readonly sinceCommitMs: number
  readonly cadenceMs: number
  readonly payoutIntervalMs: number
  readonly payoutsMin: number
  /** Entries that the newest header does not cover, without those that its own commit and settlement wrote. */
  readonly entriesNew: number
}

export type PrepareDecision =
  | { readonly kind: 'wait'; readonly why: WaitReason }
  | { readonly kind: 'pay'; readonly budgetWei: Wei }
  | { readonly kind: 'bare' }
  /** The unlanded commit has no attempt that may go out: sign the same header again. */
  | { readonly kind: 'resign' }
export type WaitReason =
  | 'stopped'
  | 'phase'
  | 'unlanded'
  | 'head'
  | 'frozen'
  | 'gas-price'
  | 'pace'
  | 'round'
  | 'treasury'
  | 'nothing'

export function planPrepare(facts: PrepareFacts): PrepareDecision {
  const { stopped, phase, unlanded, agrees, frozen } = facts
  if (stopped) return wait('stopped')
  if (phase !== 'active') return wait('phase')
  if (unlanded !== null) return planUnlanded(facts, unlanded.live)
  if (!agrees) return wait('head')
  if (frozen) return wait('frozen')
  if (facts.baseFeeWei > facts.gasPriceWeiMax) return wait('gas-price')
  const payable = whyNotPayable(facts)
  if (payable === undefined) return { kind: 'pay', budgetWei: facts.treasuryWei }
  // Receipts wait for no round and no treasury: without payouts the head moves all the same.
  return facts.entriesNew > 0 && facts.sinceCommitMs >= facts.cadenceMs ? { kind: 'bare' } : wait(payable)
}

function planUnlanded({ agrees, frozen, strategy, roundReady }: PrepareFacts, live: boolean): PrepareDecision {
  if (live) return wait('unlanded')
  if (!agrees) return wait('head')
  if (frozen) return wait('frozen')
  return strategy === 'ticket' && !roundReady ? wait('round') : { kind: 'resign' }
}

function whyNotPayable(facts: PrepareFacts): WaitReason | undefined {
  if (facts.dueAccounts === 0) return 'nothing'
  if (facts.dueAccounts < facts.payoutsMin && facts.sinceCommitMs < facts.payoutIntervalMs) return 'pace'
  if (facts.strategy === 'ticket' && !facts.roundReady) return 'round'
  return facts.treasuryWei < facts.payoutWeiMin ? 'treasury' : undefined
}

function wait(why: WaitReason): PrepareDecision {
  return { kind: 'wait', why }
}
