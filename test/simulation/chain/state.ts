/** What the chain holds of ours: the anchor, the authority's place at the broker, and who was paid. */
import type { AnchorEvent, BrokerEvent } from '../../../auditor/chain-facts.ts'
import type { AnchorCall } from '../../../enclave/protocol/anchor.ts'
import { type Address, type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { Payouts, Ticket } from '../../../enclave/protocol/ticket.ts'

export type ChainState = {
  head: Hash
  sequence: number
  epoch: number
  session: Address
  authority: Address
  /** Seconds; 0 when not frozen. */
  frozenAt: number
  treasuryWei: bigint
  /** Whom the guardian approved to come next; zero for nobody. */
  approvedAuthority: Address
  /** Of each authority at the broker. Between two calls they hold donations only. */
  depositsWei: ReadonlyMap<Address, bigint>
  /** Transactions that each authority's account has sent. */
  nonces: ReadonlyMap<Address, number>
  round: number
  /** initializeRound was called in this round. */
  roundOpen: boolean
  roundHashes: ReadonlyMap<number, Hash>
  paused: boolean
  used: ReadonlySet<Hash>
  /** Out of the treasury, by recipient. */
  receivedWei: ReadonlyMap<Address, bigint>
  /** Registered transcoders, and contracts that take ether. */
  payable: ReadonlySet<Address>
  /** Contracts that take it and call back, each with a call of the anchor. */
  reentering: ReadonlyMap<Address, CallInfo>
  /** Livepeer's governance has put a broker there that takes money and redeems nothing. */
  brokerKeeps: boolean
  /** The newest commit as the events show it. */
  committed: { readonly next: Hash; readonly bitmap: bigint | null; readonly sequence: number } | undefined
}

export type Transaction =
  | {
      readonly kind: 'anchor'
      readonly call: CallInfo
      /** The enclave's own transaction; without it somebody relays the call. */
      readonly raw: RawTransaction | undefined
      /** The relayer gives it so much gas that it comes as far as its first transfer, and not that far with tickets. */
      readonly isStarved?: true
    }
  | { readonly kind: 'fund'; readonly wei: bigint }
  | { readonly kind: 'donate'; readonly to: Address; readonly wei: bigint }
  | { readonly kind: 'approve'; readonly authority: Address }
  | { readonly kind: 'redeem'; readonly ticket: Ticket; readonly signature64: Uint8Array; readonly rand: bigint }
  | { readonly kind: 'appoint'; readonly authority: Address }
  | { readonly kind: 'freeze' }
  | { readonly kind: 'unfreeze' }

export type RawTransaction = {
  readonly bytes: Uint8Array
  readonly hash: Hash
  readonly from: Address
  readonly nonce: number
  readonly maxFeeWei: bigint
}

/** A call of the anchor with everything that can be known of it before it runs. */
export type CallInfo = {
  readonly id: number
  readonly data: Uint8Array
  readonly decoded: AnchorCall
  /** Who signed it, as the contract recovers it. */
  readonly signer: Address | undefined
  readonly payouts: Payouts | undefined
  readonly payoutsHash: Hash
}

/** Changes of the world around the anchor that no transaction of ours makes. */
export type Poke =
  | { readonly kind: 'payable'; readonly recipient: Address; readonly payable: boolean }
  | { readonly kind: 'round'; readonly number: number; readonly hash: Hash; readonly open: boolean }
  | { readonly kind: 'pause'; readonly paused: boolean }
  | { readonly kind: 'reenter'; readonly recipient: Address; readonly call: CallInfo }
  | { readonly kind: 'broker'; readonly keeps: boolean }

/** What a payee that called back was answered: the name of an error, or null where its call was carried out. */
export type Reentry = { readonly recipient: Address; readonly kind: AnchorCall['kind']; readonly error: string | null }

export type Outcome =
  | {
      readonly kind: 'done'
      readonly events: readonly EventBody[]
      readonly broker: readonly BrokerBody[]
      readonly reentries?: readonly Reentry[]
    }
  /** `error` is the name of the anchor's error, or what a call outside of it says. */
  | { readonly kind: 'reverted'; readonly error: string; readonly position?: number }

type WithoutPlace<T> = T extends unknown ? Omit<T, 'block' | 'logIndex' | 'transaction'> : never
export type EventBody = WithoutPlace<AnchorEvent>
export type BrokerBody = WithoutPlace<BrokerEvent>

export const FIRST_ROUND = 3_800

export function depositOf({ depositsWei }: ChainState, who: Address): bigint {
  return depositsWei.get(who) ?? 0n
}

export function nonceOf({ nonces }: ChainState, who: Address): number {
  return nonces.get(who) ?? 0
}

export function addDeposit(state: ChainState, who: Address, wei: bigint): void {
  state.depositsWei = new Map(state.depositsWei).set(who, depositOf(state, who) + wei)
}

export function newChainState(treasuryWei: bigint, payable: ReadonlySet<Address>, roundHash: Hash): ChainState {
  return {
    head: ZERO_HASH,
    sequence: 0,
    epoch: 0,
    session: ZERO_ADDRESS,
    authority: ZERO_ADDRESS,
    frozenAt: 0,
    treasuryWei,
    approvedAuthority: ZERO_ADDRESS,
    depositsWei: new Map(),
    nonces: new Map(),
    round: FIRST_ROUND,
    roundOpen: true,
    roundHashes: new Map([[FIRST_ROUND, roundHash]]),
    paused: false,
    used: new Set(),
    receivedWei: new Map(),
    payable,
    reentering: new Map(),
    brokerKeeps: false,
    committed: undefined,
  }
}
