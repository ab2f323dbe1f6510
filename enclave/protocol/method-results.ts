/** What each method of the enclave answers. Amounts are wei; in JSON and CBOR they travel as decimal text. */
import type { Header } from './header.ts'
import type { Address, Hash } from './ids.ts'
import type { Phase } from './methods.ts'
import type { Wei } from './money.ts'

/** What the host must store before it acts on a reply: one sealed record and the log entries inside it. */
export type ReleasedRecord = {
  readonly record: number
  readonly sealed: Uint8Array
  /** Log index of the first entry. */
  readonly firstIndex: number
  readonly entries: readonly Uint8Array[]
}

export type SignedCall = {
  /** Calldata for the anchor; anyone may relay it. */
  readonly call: Uint8Array
  readonly rawTransaction: Uint8Array
  readonly hash: Hash
}

export type StatusResult = {
  readonly version: number
  readonly phase: Phase
  /** False until the host has brought the configuration: `configure` is then the one method. */
  readonly configured: boolean
  readonly provisioned: boolean
  readonly attestation_available: boolean
  readonly frameBytesMax: number
  readonly address?: Address
  readonly session?: Address
  readonly ledgerId?: Hash
  readonly anchor?: Address
  readonly chainId?: number
  /** keccak256 of PCR0 to 2; zero on a development machine that vouches for nothing. */
  readonly imageDigest?: Hash
  /** Records released and not yet acknowledged: [firstUnacknowledged, nextRecord). */
  readonly firstUnacknowledged: number
  readonly nextRecord: number
  readonly ledger?: LedgerStatus
  readonly balances?: number
  readonly pending?: number
  readonly audit_address?: string
  readonly audit_seq?: number
  readonly audit_head_hash?: Hash
  readonly audit_merkle_root?: Hash
  readonly audit_checkpoint_head_hash?: Hash
  readonly haltReason?: string
}

export type LedgerStatus = {
  readonly epoch: number
  readonly head: Hash
  /** Sequence of the newest landed header. */
  readonly sequence: number
  readonly unlanded: UnlandedStatus | null
  readonly accounts: number
  readonly creditedWei: Wei
  readonly paidWei: Wei
  readonly reservedWei: Wei
  readonly logSize: number
  /** logSize that the newest header covers. */
  readonly logSizeCommitted: number
  readonly journalSize: number
  readonly journalHead: Hash
  readonly policyVersion: number
  readonly policyHash: Hash
  /** Accounts payable now, and their sum, by policy and back-off, as far as a few thousand; budget and round are not considered. */
  readonly dueAccounts: number
  readonly dueWei: Wei
  readonly accountsWithoutRecipient: number
  readonly at: number
  /** `at` of the newest commit entry, 0 before the first. */
  readonly lastCommitAt: number
  readonly cadenceSeconds: number
  /** Whether `at` comes from attested time, or from the clock of the machine. */
  readonly clockAttested: boolean
  readonly credits: 'host-trusted' | 'signed'
  /** Numbers of the newest adjustment and drain. */
  readonly adjustSeq: number
  readonly drainSeq: number
}

export type UnlandedStatus = {
  readonly sequence: number
  readonly headerHash: Hash
  readonly payouts: number
  readonly signatures: number
}

/** The session's signature over the place of a credit in the log. */
export type SignedReceipt = {
  readonly epoch: number
  readonly logIndex: number
  readonly leafHash: Hash
  readonly signature: Uint8Array
}

export type ApplyEventsResult =
  | {
      readonly kind: 'ack'
      readonly journalSize: number
      readonly journalHead: Hash
      readonly applied: number
      readonly refused: readonly { readonly line: number; readonly code: string }[]
      readonly records: readonly ReleasedRecord[]
      readonly receipts: readonly SignedReceipt[]
    }
  | { readonly kind: 'gap'; readonly expected: number }
  | { readonly kind: 'fork'; readonly index: number }

export type CommitResult = SignedCall & {
  readonly sequence: number
  readonly epoch: number
  readonly headerHash: Hash
  readonly mode: 'pay' | 'bare'
  readonly payouts: readonly {
    readonly payoutId: number
    readonly account: number
    readonly orchestratorId: string
    readonly recipient: Address
    readonly amountWei: Wei
    readonly kind: 'ticket' | 'transfer'
    readonly skipped: boolean
  }[]
  readonly signatures: number
  readonly accountNonce: number
  readonly maxFeePerGasWei: Wei
  readonly records: readonly ReleasedRecord[]
}

export type ConfirmResult = {
  readonly head: Hash
  readonly paidWei: Wei
  readonly returnedWei: Wei
  /** C2SP checkpoint of the header, signed by the log key. */
  readonly checkpoint: string
  readonly records: readonly ReleasedRecord[]
}

export type OpenSessionResult = SignedCall & {
  readonly epoch: number
  readonly head: Hash
  readonly session: Address
  /** The document whose payload the Open names; null where nothing can vouch. The host publishes it. */
  readonly attestation: Uint8Array | null
  readonly records: readonly ReleasedRecord[]
}

export type LoadResult =
  | { readonly more: true; readonly records: number }
  | {
      readonly more: false
      readonly ledger: LedgerStatus
      readonly released: readonly ReleasedRecord[]
      readonly ok: true
      readonly balances: number
      readonly pending: number
      readonly ledger_root: Hash
    }

export type GenesisResult =
  | { readonly more: true; readonly items: number }
  | {
      readonly more: false
      readonly accounts: number
      readonly firstRecord: number
      readonly nextRecord: number
      readonly ledger: LedgerStatus
    }

export type CreditOutcome =
  | { readonly kind: 'applied'; readonly reporter: Address; readonly rseq: number; readonly logIndex: number }
  | { readonly kind: 'refused'; readonly reporter: Address; readonly rseq: number; readonly code: string }
  /** Taken before, with whatever outcome. */
  | { readonly kind: 'known'; readonly reporter: Address; readonly rseq: number }
  /** Not taken: the number may be signed again with a later notAfter. */
  | { readonly kind: 'expired'; readonly reporter: Address; readonly rseq: number }
  | { readonly kind: 'gap'; readonly reporter: Address; readonly rseq: number; readonly expected: number }

export type CreditSignedResult = {
  /** One for each credit, in the order given. */
  readonly outcomes: readonly CreditOutcome[]
  readonly nextSeqs: readonly { readonly reporter: Address; readonly nextSeq: number }[]
  readonly records: readonly ReleasedRecord[]
  readonly receipts: readonly SignedReceipt[]
}

export type CreditBatchResult =
  | {
      readonly kind: 'ack'
      readonly nextSeq: number
      readonly applied: number
      readonly refused: readonly { readonly rseq: number; readonly code: string }[]
      readonly records: readonly ReleasedRecord[]
      /** One for each entry of the batch. */
      readonly receipts: readonly SignedReceipt[]
    }
  | { readonly kind: 'known'; readonly nextSeq: number }
  | { readonly kind: 'gap'; readonly expected: number }

/** An account in the tree of one header, with its way up to the root: verified by anyone, offline. */
export type BalanceStatement = {
  readonly header: Header
  readonly headerHash: Hash
  /** As far as the enclave was told; a reader asks the chain for a final Committed with this hash as `next`. */
  readonly landed: boolean
  readonly account: {
    readonly index: number
    readonly orchestratorId: string
    readonly recipient: Address
    readonly creditedWei: Wei
    readonly paidWei: Wei
    readonly reservedWei: Wei
    readonly lastSeq: number
  }
  /** Siblings from the leaf upwards, 32 bytes each. */
  readonly proof: readonly Uint8Array[]
}

type Released = { readonly records: readonly ReleasedRecord[] }

export type MethodResults = {
  status: StatusResult
  configure: {
    readonly ledgerId: Hash
    readonly config: Hash
    /** What PCR16 was extended with before it was locked. */
    readonly locked: Hash
    readonly role: string
  }
  attestation: { readonly document_b64: string }
  address: { readonly address: Address }
  generate: {
    readonly address: Address
    readonly ciphertext_b64: string
    readonly state_ciphertext_b64: string
    /** What the log key of that state key signs checkpoints as: 32 bytes. */
    readonly log_key: Hash
    readonly key_id: string
    readonly key_spec: string
  }
  provision: { readonly address: Address }
  genesis: GenesisResult
  load_state: LoadResult
  rebuild: LoadResult
  open_session: OpenSessionResult
  session_landed: { readonly phase: Phase }
  apply_events: ApplyEventsResult
  credit_signed: CreditSignedResult
  credit_batch: CreditBatchResult
  skip_sequence: Released & { readonly nextSeq: number }
  register: Released & { readonly account: number; readonly recipient: Address; readonly regSeq: number }
  /** Null when a waiting change was withdrawn. */
  change_recipient: Released & {
    readonly account: number
    readonly effectiveSequence: number | null
    readonly effectiveAt: number | null
  }
  set_policy: Released & { readonly policyVersion: number; readonly policyHash: Hash }
  adjust: Released & { readonly account: number; readonly balanceWei: Wei; readonly adjustSeq: number }
  drain: Released & { readonly drainSeq: number }
  journal_reset: Released & { readonly journalSize: number; readonly journalHead: Hash }
  rotate: SignedCall & {
    readonly epoch: number
    readonly head: Hash
    readonly newAuthority: Address
    readonly attestation: Uint8Array | null
    readonly phase: Phase
  }
  prepare_commit: CommitResult
  resign_commit: CommitResult
  confirm_payout: ConfirmResult
  halt: { readonly phase: Phase }
  outputs: { readonly records: readonly ReleasedRecord[]; readonly nextRecord: number }
  ack: { readonly firstUnacknowledged: number }
  export_snapshot: { readonly chunk: Uint8Array; readonly chunks: number; readonly record: number }
  export_state: { readonly blob_b64: string; readonly ledger_root: Hash }
  balance: {
    readonly orchestrator_id: string
    readonly recipient: Address | null
    readonly balance_wei: Wei
    readonly reserved_wei: Wei
    readonly credited_wei: Wei
    readonly paid_wei: Wei
    /** Number of the newest registration or change that was signed for this account. */
    readonly registration_seq: number
    /** A change of recipient that waits until both are reached. */
    readonly pending_recipient: {
      readonly recipient: Address
      readonly effective_sequence: number
      readonly effective_at: number
    } | null
  }
  prove_balance: BalanceStatement
  reporter: {
    readonly reporter: Address
    /** Whether the policy in force names it. */
    readonly named: boolean
    readonly nextSeq: number
    readonly creditedWei: Wei
  }
  audit_status: {
    readonly audit_address: string
    readonly audit_seq: number
    readonly audit_head_hash: Hash
    readonly audit_merkle_root: Hash
    readonly audit_checkpoint_head_hash: Hash
  }
  audit_checkpoint: { readonly checkpoint: string }
}
