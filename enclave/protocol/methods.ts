/**
 * Every method of the enclave: who may call it when, with what, and what comes back. In JSON, bytes travel as 0x hex;
 * in CBOR as byte strings. Amounts are decimal text of wei. Names with underscores are those of the replaced system.
 */
import { z } from 'zod'
import { fromHexOr, toAddress, toHash, toHex } from './ids.ts'
import type { Address, Hash } from './ids.ts'
import type { Wei } from './money.ts'
import { parseWei } from './money.ts'
import { PAYOUTS_MAX } from './ticket.ts'

/** The life of an enclave (protocol section 5). */
export const PHASES = ['cold', 'provisioned', 'recovering', 'active', 'halted'] as const
export type Phase = (typeof PHASES)[number]

/** One call carries at most so many journal lines, and so many bytes of them. */
export const LINES_MAX = 2_000
export const LINES_BYTES_MAX = 262_144
/** A longer journal line travels as its hash and length. */
export const LINE_BYTES_MAX = 32_768
/** Records of one `load_state` or `outputs` call; the frame's limit binds as well. */
export const RECORDS_PER_CALL_MAX = 1_024
/** Roster or opening items of one `genesis` call. */
export const GENESIS_ITEMS_PER_CALL_MAX = 16_384
const TEXT_MAX = 4_096
const BASE64_MAX = 8_388_608

const bytes = z
  .union([z.instanceof(Uint8Array), z.string()])
  .transform((value, context): Uint8Array => {
    const known = typeof value === 'string' ? fromHexOr(value.toLowerCase()) : value
    if (known !== undefined) return known
    context.addIssue('expected bytes: 0x hex in JSON, a byte string in CBOR')
    return z.NEVER
  })

const hash = bytes.transform((value, context): Hash => {
  if (value.length === 32) return toHash(value)
  context.addIssue(`expected 32 bytes, got ${value.length}`)
  return z.NEVER
})

const address = z
  .union([z.instanceof(Uint8Array), z.string()])
  .transform((value, context): Address => {
    const known = typeof value === 'string' ? toAddress(value) : value.length === 20 ? (toHex(value) as Address) : undefined
    if (known !== undefined) return known
    context.addIssue('expected an address of 20 bytes')
    return z.NEVER
  })

const wei = z.string().transform((value, context): Wei => {
  try {
    return parseWei(value)
  } catch {
    context.addIssue('expected wei as canonical decimal text')
    return z.NEVER
  }
})

const count = z.number().int().nonnegative()
const shortText = z.string().max(TEXT_MAX)
const nothing = z.strictObject({})

const fees = z.strictObject({ gas: count, maxFeePerGasWei: wei, maxPriorityFeePerGasWei: wei })
const round = z.strictObject({ number: count, hash })
const claim = z.strictObject({ head: hash, epoch: count, bitmap: hash.nullable() })
const line = z.union([bytes, z.strictObject({ hash, bytes: count })])
const item = z.strictObject({ id: shortText, recipient: address })
const opening = z.strictObject({ id: shortText, wei, recipient: address.nullable() })

/** Accepted from clients of the replaced system; key release has its own settings now. */
const oldKeyRelease = {
  region: shortText.optional(),
  key_id: shortText.optional(),
  key_spec: shortText.optional(),
  encryption_algorithm: shortText.optional(),
  proxy_port: count.optional(),
  aws_access_key_id: shortText.optional(),
  aws_secret_access_key: shortText.optional(),
  aws_session_token: shortText.optional(),
}

const LIVE: readonly Phase[] = ['recovering', 'active', 'halted']
const ANY: readonly Phase[] = PHASES

/** Methods of this generation: the phases that accept each, and its parameters. */
export const METHODS = {
  status: { phases: ANY, params: nothing },
  attestation: { phases: ANY, params: z.strictObject({ nonce: bytes.optional() }) },
  address: { phases: ['provisioned', ...LIVE], params: nothing },
  generate: { phases: ['cold'], params: z.strictObject(oldKeyRelease) },
  provision: {
    phases: ['cold'],
    params: z.strictObject({
      ...oldKeyRelease,
      ciphertext_b64: z.string().max(TEXT_MAX),
      state_ciphertext_b64: z.string().max(TEXT_MAX),
      expected_address: address.optional(),
    }),
  },
  genesis: {
    phases: ['provisioned'],
    params: z.strictObject({
      policy: z.unknown().optional(),
      journalSize: count.optional(),
      journalHead: hash.optional(),
      epoch: count.optional(),
      roster: z.array(item).max(GENESIS_ITEMS_PER_CALL_MAX).default([]),
      openings: z.array(opening).max(GENESIS_ITEMS_PER_CALL_MAX).default([]),
      more: z.boolean().default(false),
    }),
  },
  load_state: {
    phases: ['provisioned'],
    params: z.strictObject({
      records: z.array(bytes).max(RECORDS_PER_CALL_MAX).default([]),
      blob_b64: z.string().max(BASE64_MAX).optional(),
      claimed: claim.optional(),
      more: z.boolean().default(false),
    }),
  },
  open_session: { phases: ['recovering'], params: z.strictObject({ accountNonce: count, fees }) },
  session_landed: { phases: ['recovering'], params: z.strictObject({ epoch: count }) },
  apply_events: {
    phases: ['active'],
    params: z.strictObject({
      firstIndex: count,
      head: hash,
      lines: z.array(line).max(LINES_MAX),
      receipts: z.boolean().default(false),
    }),
  },
  prepare_commit: {
    phases: ['active'],
    params: z.strictObject({
      mode: z.enum(['pay', 'bare']).default('pay'),
      budgetWei: wei,
      round: round.nullable(),
      fees,
      accountNonce: count,
    }),
  },
  resign_commit: {
    phases: ['active'],
    params: z.strictObject({
      skip: z.array(z.number().int().min(0).max(PAYOUTS_MAX - 1)).max(PAYOUTS_MAX).default([]),
      round: round.nullable(),
      fees,
      accountNonce: count,
    }),
  },
  confirm_payout: {
    phases: ['active'],
    params: z.union([
      z.strictObject({ sequence: count, bitmap: hash.nullable() }),
      z.strictObject({ tx_hash: shortText, status: z.union([count, z.boolean()]) }),
    ]),
  },
  halt: { phases: ['recovering', 'active'], params: z.strictObject({ reason: shortText }) },
  outputs: { phases: ANY, params: z.strictObject({ fromRecord: count, max: count.max(RECORDS_PER_CALL_MAX).default(64) }) },
  ack: { phases: ANY, params: z.strictObject({ record: count }) },
  export_snapshot: { phases: ['active', 'recovering'], params: z.strictObject({ chunk: count }) },
  export_state: { phases: ['active', 'recovering'], params: nothing },
  balance: { phases: LIVE, params: z.strictObject({ orchestrator_id: shortText }) },
  audit_status: { phases: LIVE, params: nothing },
  audit_checkpoint: { phases: LIVE, params: z.strictObject({ chain_id: count, contract_address: address }) },
} as const satisfies { readonly [name: string]: { readonly phases: readonly Phase[]; readonly params: z.ZodType } }

export type MethodName = keyof typeof METHODS
export type Params<M extends MethodName> = z.input<(typeof METHODS)[M]['params']>
export type ParsedParams<M extends MethodName> = z.output<(typeof METHODS)[M]['params']>

/** Other names of a method. */
export const ALIASES: { readonly [name: string]: MethodName } = { prepare_payouts: 'prepare_commit' }

/** Methods of the replaced system that are unsafe: each answers METHOD_RETIRED with its successor. */
export const RETIRED: { readonly [name: string]: string } = {
  credit: 'apply_events for journal lines; signed credits have a method of their own, credit_signed',
  apply_delta: 'a negative journal line through apply_events; a quorum adjusts by adjust',
  apply_event: 'apply_events',
  audit_event: 'nothing: entry types are closed, and a note cannot stand for another type',
  livepeer_prepare_redeem_tx: 'prepare_commit, which pays in the same transaction that anchors the ledger',
  livepeer_prepare_fund_deposit_tx: 'prepare_commit, which funds exactly the face values out of the anchor',
  sign_message_defunct: 'nothing: the authority signs tickets, sessions and rotations, never a raw hash',
  sign_transaction: 'prepare_commit and open_session: the authority signs calls of the anchor only',
}

/** Methods whose wire types are final and that a later generation carries: each answers NOT_YET. */
export const ANNOUNCED: readonly string[] = [
  'credit_signed',
  'credit_batch',
  'skip_sequence',
  'register',
  'change_recipient',
  'set_policy',
  'adjust',
  'drain',
  'journal_reset',
  'rotate',
  'rebuild',
]

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
  readonly provisioned: boolean
  readonly attestation_available: boolean
  readonly frameBytesMax: number
  readonly address?: Address
  readonly session?: Address
  readonly ledgerId?: Hash
  readonly anchor?: Address
  readonly chainId?: number
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
  /** Accounts payable now, and their sum, by policy and back-off; the budget and the round are not considered. */
  readonly dueAccounts: number
  readonly dueWei: Wei
  readonly accountsWithoutRecipient: number
  readonly at: number
  /** `at` of the newest commit entry, 0 before the first. */
  readonly lastCommitAt: number
  readonly cadenceSeconds: number
}

export type UnlandedStatus = {
  readonly sequence: number
  readonly headerHash: Hash
  readonly payouts: number
  readonly signatures: number
}

export type ApplyEventsResult =
  | {
      readonly kind: 'ack'
      readonly journalSize: number
      readonly journalHead: Hash
      readonly applied: number
      readonly refused: readonly { readonly line: number; readonly code: string }[]
      readonly records: readonly ReleasedRecord[]
      readonly receipts: readonly { readonly epoch: number; readonly logIndex: number; readonly leafHash: Hash; readonly signature: Uint8Array }[]
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
  readonly records: readonly ReleasedRecord[]
}

export type LoadResult =
  | { readonly more: true; readonly records: number }
  | { readonly more: false; readonly ledger: LedgerStatus; readonly released: readonly ReleasedRecord[]; readonly ok: true; readonly balances: number; readonly pending: number; readonly ledger_root: Hash }

export type GenesisResult =
  | { readonly more: true; readonly items: number }
  | { readonly more: false; readonly accounts: number; readonly firstRecord: number; readonly nextRecord: number; readonly ledger: LedgerStatus }

export type MethodResults = {
  status: StatusResult
  attestation: { readonly document_b64: string }
  address: { readonly address: Address }
  generate: { readonly address: Address; readonly ciphertext_b64: string; readonly state_ciphertext_b64: string; readonly key_id: string; readonly key_spec: string }
  provision: { readonly address: Address }
  genesis: GenesisResult
  load_state: LoadResult
  open_session: OpenSessionResult
  session_landed: { readonly phase: Phase }
  apply_events: ApplyEventsResult
  prepare_commit: CommitResult
  resign_commit: CommitResult
  confirm_payout: ConfirmResult
  halt: { readonly phase: Phase }
  outputs: { readonly records: readonly ReleasedRecord[]; readonly nextRecord: number }
  ack: { readonly firstUnacknowledged: number }
  export_snapshot: { readonly chunk: Uint8Array; readonly chunks: number; readonly record: number }
  export_state: { readonly blob_b64: string; readonly ledger_root: Hash }
  balance: { readonly orchestrator_id: string; readonly recipient: Address | null; readonly balance_wei: Wei; readonly reserved_wei: Wei; readonly credited_wei: Wei; readonly paid_wei: Wei }
  audit_status: { readonly audit_address: string; readonly audit_seq: number; readonly audit_head_hash: Hash; readonly audit_merkle_root: Hash; readonly audit_checkpoint_head_hash: Hash }
  audit_checkpoint: { readonly checkpoint: string }
}

