/** What the chain's answer means for the ledger, from the facts alone: the head decides, never a receipt's status. */
import { foldHead } from '../../enclave/protocol/header.ts'
import type { Hash } from '../../enclave/protocol/ids.ts'

export type ConfirmFacts = {
  readonly ledger: {
    readonly epoch: number
    readonly head: Hash
    readonly sequence: number
    readonly session: string
    readonly unlanded: { readonly sequence: number; readonly headerHash: Hash; readonly payouts: number } | null
  }
  readonly anchor: {
    readonly blockNumber: number
    readonly head: Hash
    readonly sequence: number
    readonly epoch: number
    readonly session: string
  }
  /** The anchor's own event for the unlanded sequence, where there is one. */
  readonly landing: { readonly next: Hash; readonly blockNumber: number; readonly bitmap: Hash | null } | undefined
  readonly settleDepthBlocks: number
}

export type ConfirmDecision =
  | { readonly kind: 'wait'; readonly why: 'quiet' | 'unlanded' | 'depth' | 'event' }
  | { readonly kind: 'settle'; readonly sequence: number; readonly bitmap: Hash | null }
  /** The chain is behind what we were told: a lagging endpoint, or a reorg. The old bytes go out again, in order. */
  | { readonly kind: 'behind' }
  /** Our history is not the chain's. It never merges: halt, and load again at the chain's head. */
  | { readonly kind: 'foreign'; readonly why: string }

export function planConfirm(facts: ConfirmFacts): ConfirmDecision {
  const { ledger, anchor } = facts
  if (anchor.epoch > ledger.epoch)
    return foreign('another session is open', `epoch ${ledger.epoch}`, `epoch ${anchor.epoch}`)
  if (anchor.epoch < ledger.epoch) return { kind: 'behind' }
  if (anchor.session !== ledger.session)
    return foreign('another session holds the epoch', ledger.session, anchor.session)
  return ledger.unlanded === null ? planQuiet(facts) : planUnlanded(facts, ledger.unlanded)
}

function planQuiet({ ledger, anchor }: ConfirmFacts): ConfirmDecision {
  if (anchor.sequence < ledger.sequence) return { kind: 'behind' }
  if (anchor.head === ledger.head) return { kind: 'wait', why: 'quiet' }
  return foreign('another head', ledger.head, anchor.head)
}

function planUnlanded(facts: ConfirmFacts, unlanded: NonNullable<ConfirmFacts['ledger']['unlanded']>): ConfirmDecision {
  const { ledger, anchor, landing, settleDepthBlocks } = facts
  if (anchor.sequence < unlanded.sequence - 1) return { kind: 'behind' }
  if (anchor.sequence === unlanded.sequence - 1) {
    return anchor.head === ledger.head
      ? { kind: 'wait', why: 'unlanded' }
      : foreign('another head', ledger.head, anchor.head)
  }
  // Heads and events come from two questions; the event of a head that is there follows.
  if (landing === undefined) return { kind: 'wait', why: 'event' }
  if (landing.next !== unlanded.headerHash) return foreign('another header', unlanded.headerHash, landing.next)
  if (anchor.sequence === unlanded.sequence && anchor.head !== headOf(landing)) return { kind: 'wait', why: 'event' }
  if (anchor.blockNumber - landing.blockNumber < settleDepthBlocks) return { kind: 'wait', why: 'depth' }
  return { kind: 'settle', sequence: unlanded.sequence, bitmap: landing.bitmap }
}

function headOf({ next, bitmap }: NonNullable<ConfirmFacts['landing']>): Hash {
  return bitmap === null ? next : foldHead(next, BigInt(bitmap))
}

function foreign(what: string, expected: string, got: string): ConfirmDecision {
  return { kind: 'foreign', why: `${what}: expected ${expected}, got ${got}` }
}

/** What becomes of a landed commit, once its block is final or gone. */
export type FinalityDecision = 'wait' | 'final' | 'moved'

export function planFinality(
  landed: { readonly blockNumber: number; readonly blockHash: Hash },
  finalBlock: number,
  receipt: { readonly blockHash: Hash; readonly succeeded: boolean } | undefined,
): FinalityDecision {
  if (landed.blockNumber > finalBlock) return 'wait'
  return receipt?.succeeded === true && receipt.blockHash === landed.blockHash ? 'final' : 'moved'
}
