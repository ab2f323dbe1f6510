/** What the chain says about a ledger, gathered once: reconcile.ts judges it without asking again. */
import type { Address, Hash } from '../enclave/protocol/ids.ts'
import type { Payouts } from '../enclave/protocol/ticket.ts'

export type Where = { readonly block: number; readonly logIndex: number; readonly transaction: Hash }

export type Committed = Where & {
  readonly kind: 'committed'
  readonly epoch: number
  readonly sequence: number
  readonly prev: Hash
  readonly next: Hash
  readonly balanceRoot: Hash
  readonly logRoot: Hash
  readonly logSize: number
}
export type Settled = Where & {
  readonly kind: 'settled'
  readonly sequence: number
  readonly bitmap: bigint
  readonly head: Hash
}
export type SessionOpened = Where & {
  readonly kind: 'session'
  readonly epoch: number
  readonly head: Hash
  readonly session: Address
  readonly attestationDigest: Hash
}
export type Appointed = Where & { readonly kind: 'appointed'; readonly authority: Address }
export type Rotated = Where & { readonly kind: 'rotated'; readonly epoch: number; readonly authority: Address }
/** Approvals and freezes change nothing that the ledger claims: they are shown. */
export type Notable = Where & { readonly kind: 'approved' | 'frozen' | 'unfrozen'; readonly text: string }
export type AnchorEvent = Committed | Settled | SessionOpened | Appointed | Rotated | Notable

export type BrokerEvent = Where & {
  readonly kind: 'moved' | 'redeemed'
  readonly sender: Address
  readonly recipient: Address
  /** Moved: the wei that left the deposit. Redeemed: the face value, which is nominal. */
  readonly amountWei: bigint
  /** The sender's nonce; null for a move. */
  readonly payoutId: bigint | null
}

/** The arguments of a commitAndPay that was sent to the anchor itself. */
export type Call = { readonly payouts: Payouts; readonly skip: bigint }

/** The anchor's balance around a block that paid. */
export type TreasuryStep = { readonly block: number; readonly beforeWei: bigint; readonly afterWei: bigint }

export type ChainFacts = {
  readonly chainId: number
  readonly anchor: Address
  /** The height at which all state was read. */
  readonly block: number
  /** Commits up to this height have to be in the published log. */
  readonly finalBlock: number
  readonly state: {
    readonly head: Hash
    readonly sequence: number
    readonly epoch: number
    readonly authority: Address
    readonly guardian: Address
    readonly broker: Address
    readonly balanceWei: bigint
  }
  /** In the order of the chain. */
  readonly events: readonly AnchorEvent[]
  /** Of every authority the anchor ever had, in the order of the chain. */
  readonly brokerEvents: readonly BrokerEvent[]
  /** By transaction; absent for a call that came through another contract. */
  readonly calls: ReadonlyMap<Hash, Call>
  /** Null when the endpoint keeps no old state. */
  readonly treasury: readonly TreasuryStep[] | null
}

/** Worth a reader's look, and no breach of a rule. */
export const NOTICES = {
  PAYOUT_SKIPPED: 'The host left a payout out; its amount went back to the balance.',
  PAYOUT_FAILED: 'A transfer failed; its amount went back to the balance.',
  SESSION_UNUSED: 'A session was opened on chain and its boot left nothing in the log.',
  CALL_INDIRECT: 'A commit came through another contract: its arguments cannot be read from the transaction.',
  STRAY_TICKET: 'A ticket of the authority was redeemed outside the anchor, from a deposit that somebody gave.',
  COMMIT_UNPUBLISHED: 'A commit that is not final yet is not in the published log.',
  COMMIT_VOID: 'A commit never landed; everything reserved went back to the balances.',
  LOG_LONGER: 'The log goes on beyond the newest commit on chain: that part is a claim only.',
  OPENINGS_CARRIED: 'Balances were carried over at genesis: they are claimed, not earned in this log.',
  TREASURY_SHORT: 'The treasury holds less than the ledger owes.',
  HISTORY_UNREADABLE: 'The endpoint keeps no old state: the treasury was not compared block by block.',
  ANCHOR_EVENT: 'The guardian acted.',
  REPORTER_LAG: 'A reporter has signed more than the log holds: it was not forwarded, or is not anchored yet.',
  JOURNAL_UNREAD: 'No journal was given: that each credit is a line of it was not checked.',
  UNATTESTED: 'A session was opened without an attestation document: a development enclave.',
  ATTESTATION_MISSING: 'The document that the chain names for a session is not beside the log.',
  ATTESTATION_LIMIT: 'More sessions were opened than one audit looks at: the oldest were left out.',
  ATTESTATION_UNREAD: 'A document could not be read, and no later one was asked for.',
  ATTESTATION_DEVELOPMENT: "A document does not end in AWS's root: a development enclave made it.",
  ATTESTATION_UNJUDGED: "A document claims AWS's root, and no measurements were given to judge it by.",
  ATTESTATION_TIME: 'The document of a session is dated far from the block that opened it.',
  ATTESTED: 'Documents of sessions are genuine, of an allowed image, and bind what chain and log say.',
} as const
export type NoticeCode = keyof typeof NOTICES
export type Notice = { readonly code: NoticeCode; readonly subject: string; readonly text: string }
