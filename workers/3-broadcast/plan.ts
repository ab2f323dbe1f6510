/** What goes out now, from the facts alone. Arbitrum has no mempool: a transaction is sequenced at once or refused. */
import type { Wei } from '../../enclave/protocol/money.ts'

export type SendVerdict = 'sent' | 'nonce-low' | 'nonce-high' | 'fee-low' | 'float-low' | 'unknown'

export type BroadcastFacts = {
  readonly stopped: boolean
  readonly frozen: boolean
  /** The attempt that may be sent, undefined when there is none or the commit has landed. */
  readonly live:
    | {
        readonly accountNonce: number
        readonly maxFeeWei: Wei
        /** When it was made ready: age counts from there. */
        readonly readyAtMs: number
        /** By this process; 0 before. A process that starts anew sends again, which costs nothing. */
        readonly sentAtMs: number
        readonly verdict: SendVerdict | undefined
        /** How often in a row the nonce was too high. */
        readonly nonceHighCount: number
      }
    | undefined
  /** The anchor already holds what the commit makes. */
  readonly landed: boolean
  readonly accountNonce: number
  readonly baseFeeWei: Wei
  readonly gasPriceWeiMax: Wei
  readonly nowMs: number
  readonly resendMs: number
  readonly bumpMs: number
}

export type BroadcastDecision =
  | { readonly kind: 'wait'; readonly why: 'stopped' | 'frozen' | 'nothing' | 'landed' | 'sent' }
  | { readonly kind: 'send' }
  | { readonly kind: 'resign'; readonly why: 'nonce' | 'fee' | 'age' }

/** A nonce ahead of the account is taken for a lagging endpoint this often, then for a stale fact. */
export const NONCE_HIGH_MAX = 3

export function planBroadcast(facts: BroadcastFacts): BroadcastDecision {
  const { live } = facts
  if (facts.stopped) return { kind: 'wait', why: 'stopped' }
  if (facts.landed) return { kind: 'wait', why: 'landed' }
  if (live === undefined) return { kind: 'wait', why: 'nothing' }
  if (facts.frozen) return { kind: 'wait', why: 'frozen' }
  // The account has used this nonce and the head did not move: these bytes can never land.
  if (live.accountNonce < facts.accountNonce) return { kind: 'resign', why: 'nonce' }
  if (live.nonceHighCount >= NONCE_HIGH_MAX) return { kind: 'resign', why: 'nonce' }
  const canBump = live.maxFeeWei < facts.gasPriceWeiMax
  if (canBump && (live.maxFeeWei < facts.baseFeeWei || live.verdict === 'fee-low'))
    return { kind: 'resign', why: 'fee' }
  if (facts.nowMs < live.sentAtMs + facts.resendMs) return { kind: 'wait', why: 'sent' }
  if (canBump && facts.nowMs >= live.readyAtMs + facts.bumpMs) return { kind: 'resign', why: 'age' }
  return { kind: 'send' }
}
