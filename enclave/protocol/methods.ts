/**
 * Every method of the enclave: who may call it when, with what, and what comes back. In JSON, bytes travel as 0x hex;
 * in CBOR as byte strings. Amounts are decimal text of wei. Names with underscores are those of the replaced system.
 */
import { z } from 'zod'
import { ZERO_ADDRESS } from './ids.ts'
import {
  address,
  bytes,
  claim,
  count,
  fees,
  hash,
  item,
  nothing,
  opening,
  round,
  shortText,
  TEXT_MAX,
  wei,
} from './params.ts'
import { approval, SIGNED_PARAMS } from './signed-params.ts'
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
/** Log entries of one `rebuild` call; the frame's limit binds as well. */
export const ENTRIES_PER_CALL_MAX = 65_536
/** Roster or opening items of one `genesis` call. */
export const GENESIS_ITEMS_PER_CALL_MAX = 16_384
const BASE64_MAX = 8_388_608

/** A hash stands for a long line alone: for a short one it would have any credit recorded as too long. */
const line = z.union([bytes, z.strictObject({ hash, bytes: count.min(LINE_BYTES_MAX + 1) })])

type LineInput = z.input<typeof line>
type ParsedLine = z.output<typeof line>

/**
 * As `z.array(line)`, but what is bytes already is taken as it is: a schema for each line costs as much as judging it. A
 * test holds the two equal.
 */
const lines = z
  .custom<readonly LineInput[]>(
    (value) => Array.isArray(value) && value.length <= LINES_MAX,
    `expected at most ${LINES_MAX} lines`,
  )
  .transform((values, context): readonly ParsedLine[] => {
    const others = values.some((value) => !(value instanceof Uint8Array))
    return others ? values.map((value, at) => checkedLine(value, at, context)) : (values as readonly Uint8Array[])
  })

function checkedLine(value: LineInput, at: number, context: z.core.$RefinementCtx): ParsedLine {
  const parsed = line.safeParse(value)
  if (parsed.success) return parsed.data
  for (const { path, message } of parsed.error.issues)
    context.addIssue({ code: 'custom', path: [at, ...path], message })
  return z.NEVER
}

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

/** Of the one who asks; more is more than any verifier needs, and the NSM takes 512 bytes. */
export const NONCE_BYTES_MAX = 64
const nonce = bytes.refine((value) => value.length <= NONCE_BYTES_MAX, `expected at most ${NONCE_BYTES_MAX} bytes`)

const LIVE: readonly Phase[] = ['recovering', 'active', 'halted']
const ANY: readonly Phase[] = PHASES

/** Methods of this generation: the phases that accept each, and its parameters. */
export const METHODS = {
  status: { phases: ANY, params: nothing },
  configure: { phases: ['cold'], params: z.strictObject({ configuration: z.unknown() }) },
  attestation: { phases: ANY, params: z.strictObject({ nonce: nonce.optional() }) },
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
      /** For a log key or configuration other than the log's last one [G5]. */
      approval: approval.optional(),
      more: z.boolean().default(false),
    }),
  },
  rebuild: {
    phases: ['provisioned'],
    params: z.strictObject({
      /** The public log from its first entry up to the anchored logSize, in as many calls as it needs. */
      entries: z.array(bytes).max(ENTRIES_PER_CALL_MAX).default([]),
      claimed: claim.optional(),
      approval: approval.optional(),
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
      lines,
      receipts: z.boolean().default(false),
    }),
  },
  credit_signed: { phases: ['active'], params: SIGNED_PARAMS.credit_signed },
  credit_batch: { phases: ['active'], params: SIGNED_PARAMS.credit_batch },
  skip_sequence: { phases: ['active'], params: SIGNED_PARAMS.skip_sequence },
  register: { phases: ['active'], params: SIGNED_PARAMS.register },
  change_recipient: { phases: ['active'], params: SIGNED_PARAMS.change_recipient },
  set_policy: { phases: ['recovering', 'active'], params: SIGNED_PARAMS.set_policy },
  adjust: { phases: ['active'], params: SIGNED_PARAMS.adjust },
  drain: { phases: ['active'], params: SIGNED_PARAMS.drain },
  journal_reset: { phases: ['active'], params: SIGNED_PARAMS.journal_reset },
  rotate: { phases: ['active'], params: SIGNED_PARAMS.rotate },
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
      skip: z
        .array(
          z
            .number()
            .int()
            .min(0)
            .max(PAYOUTS_MAX - 1),
        )
        .max(PAYOUTS_MAX)
        .default([]),
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
  outputs: {
    phases: ANY,
    params: z.strictObject({ fromRecord: count, max: count.max(RECORDS_PER_CALL_MAX).default(64) }),
  },
  ack: { phases: ANY, params: z.strictObject({ record: count }) },
  export_snapshot: { phases: ['active', 'recovering'], params: z.strictObject({ chunk: count }) },
  export_state: { phases: ['active', 'recovering'], params: nothing },
  balance: { phases: LIVE, params: z.strictObject({ orchestrator_id: shortText }) },
  prove_balance: { phases: LIVE, params: z.strictObject({ orchestrator_id: shortText }) },
  reporter: { phases: LIVE, params: z.strictObject({ reporter: address }) },
  audit_status: { phases: LIVE, params: nothing },
  audit_checkpoint: {
    phases: LIVE,
    params: z.strictObject({ chain_id: count, contract_address: address.default(ZERO_ADDRESS) }),
  },
} as const satisfies { readonly [name: string]: { readonly phases: readonly Phase[]; readonly params: z.ZodType } }

export type MethodName = keyof typeof METHODS
export type Params<M extends MethodName> = z.input<(typeof METHODS)[M]['params']>
export type ParsedParams<M extends MethodName> = z.output<(typeof METHODS)[M]['params']>

/** Other names of a method. */
export const ALIASES: { readonly [name: string]: MethodName } = { prepare_payouts: 'prepare_commit' }

/** Methods of the replaced system that are unsafe: each answers METHOD_RETIRED with its successor. */
export const RETIRED: { readonly [name: string]: string } = {
  credit: 'apply_events for journal lines, or credit_signed and credit_batch for signed credits',
  apply_delta: 'a negative journal line through apply_events; a quorum adjusts by adjust',
  apply_event: 'apply_events',
  audit_event: 'nothing: entry types are closed, and a note cannot stand for another type',
  livepeer_prepare_redeem_tx: 'prepare_commit, which pays in the same transaction that anchors the ledger',
  livepeer_prepare_fund_deposit_tx: 'prepare_commit, which funds exactly the face values out of the anchor',
  sign_message_defunct: 'nothing: the authority signs tickets, sessions and rotations, never a raw hash',
  sign_transaction: 'prepare_commit and open_session: the authority signs calls of the anchor only',
}
