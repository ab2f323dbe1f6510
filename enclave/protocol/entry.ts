/** Entries of the audit log: deterministic CBOR {v, i, at, type, body}, at most 65,535 bytes (protocol section 3). */
import type { CborValue } from './cbor.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import type { Codec, Decoded } from './codec.ts'
import {
  address,
  amountWei,
  bySource,
  decodeWith,
  deltaWei,
  hash,
  list,
  nullable,
  oneOf,
  signature,
  struct,
  text,
  uint,
} from './codec.ts'
import { CodedError } from './errors.ts'
import { EPOCH_MAX, PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST, SEQUENCE_MAX } from './header.ts'
import { fromHex, ORCHESTRATOR_ID_BYTES_MAX } from './ids.ts'
import { encodeJournalCredit } from './journal-entry.ts'
import { ACCOUNTS_MAX, POLICY_VERSION_MAX, policyCodec, QUORUM_MAX } from './policy.ts'
import { PAYOUTS_MAX } from './ticket.ts'
import { ENTRY_BYTES_MAX } from './tlog.ts'
import { bytesEqual } from './words.ts'

export const REASON_BYTES_MAX = 128
export const AMOUNT_TEXT_BYTES_MAX = 64
export const EVENT_ID_BYTES_MAX = 256
export const NOTE_BYTES_MAX = 4_096
export const CODE_BYTES_MAX = 64
/** Credits of a signed batch in one entry. */
export const CREDITS_PER_ENTRY_MAX = 64
/** Credits under one signature. */
export const BATCH_CREDITS_MAX = 4_096

const id = text(ORCHESTRATOR_ID_BYTES_MAX, 1)
const account = uint(ACCOUNTS_MAX)
const sequence = uint(SEQUENCE_MAX)
const epoch = uint(EPOCH_MAX)
const signatures = list(signature, QUORUM_MAX)

/** The header as the log carries it: the same fields and order of meaning as the EIP-712 type. */
export const headerCodec = struct({
  version: uint(2 ** 16 - 1),
  ledgerId: hash,
  epoch,
  sequence,
  prev: hash,
  balanceRoot: hash,
  treeDepth: uint(32),
  accounts: uint(ACCOUNTS_MAX),
  logSize: uint(),
  logRoot: hash,
  creditedWei: amountWei,
  paidWei: amountWei,
  reservedWei: amountWei,
  journalHead: hash,
  journalSize: uint(),
  policyVersion: uint(POLICY_VERSION_MAX),
  policyHash: hash,
  imageDigest: hash,
})

const genesis = struct({
  ledgerId: hash,
  chainId: uint(),
  anchor: address,
  broker: address,
  guardian: address,
  role: oneOf('core'),
  config: hash,
  genesisHash: hash,
  authority: address,
  logKey: hash,
  policy: policyCodec,
  policyHash: hash,
  epoch,
  journalSize: uint(),
  journalHead: hash,
  /** How many register and credit entries follow at once for the roster and the openings. */
  roster: uint(),
  openings: uint(),
  openingsWei: amountWei,
  imageDigest: hash,
})

const register = bySource({
  roster: { account, id, recipient: address },
  opening: { account, id, recipient: address },
  registrar: {
    account,
    id,
    recipient: address,
    regSeq: uint(),
    notAfter: uint(),
    recipientSignature: signature,
    registrarSignature: signature,
  },
  recipient: { account, id, recipient: address, regSeq: uint(), notAfter: uint(), recipientSignature: signature },
  /** Waits RECIPIENT_CHANGE_SEQUENCES and RECIPIENT_CHANGE_SECONDS; `recipient` is the new one, the old one itself to withdraw. */
  change: {
    account,
    id,
    recipient: address,
    from: address,
    regSeq: uint(),
    notAfter: uint(),
    /** Null when a quorum signs in its place. */
    fromSignature: nullable(signature),
    toSignature: signature,
    signatures,
  },
})

const credit = bySource({
  /** `wei` is `amount` (ether, as the line has it) cut towards zero; `hash` is sha256 of the line with its newline. */
  journal: {
    account,
    id,
    wei: amountWei,
    line: uint(),
    hash,
    amount: text(AMOUNT_TEXT_BYTES_MAX, 1),
    reason: text(REASON_BYTES_MAX),
  },
  /** Carried over at a cut-over, not earned here. */
  opening: { account, id, wei: amountWei },
  signed: {
    account,
    id,
    wei: amountWei,
    reporter: address,
    rseq: uint(),
    recipient: address,
    eventId: text(EVENT_ID_BYTES_MAX),
    workHash: hash,
    notAfter: uint(),
    signature,
  },
})

/** As it was signed; `code` tells why it was refused, and its account is 0 then. */
const batchCredit = struct({
  account,
  id,
  wei: amountWei,
  recipient: address,
  eventId: text(EVENT_ID_BYTES_MAX),
  workHash: hash,
  notAfter: uint(),
  code: nullable(text(CODE_BYTES_MAX)),
})

const credits = struct({
  reporter: address,
  firstSeq: uint(),
  count: uint(BATCH_CREDITS_MAX),
  root: hash,
  notAfter: uint(),
  signature,
  /** Position in the batch of the first credit of this entry. */
  from: uint(),
  credits: list(batchCredit, CREDITS_PER_ENTRY_MAX),
})

const adjust = bySource({
  journal: {
    account,
    id,
    delta: deltaWei,
    line: uint(),
    hash,
    amount: text(AMOUNT_TEXT_BYTES_MAX, 1),
    reason: text(REASON_BYTES_MAX),
  },
  quorum: { account, id, delta: deltaWei, adjustSeq: uint(), reasonHash: hash, notAfter: uint(), signatures },
  drain: { account, wei: amountWei, drainSeq: uint(), notAfter: uint(), signatures },
})

const refuse = bySource({
  /** `bytes` is the length of the line with its newline. */
  journal: { line: uint(), hash, bytes: uint(), code: text(CODE_BYTES_MAX, 1) },
  /** `hash` is the creditStruct under the signature. */
  signed: { reporter: address, rseq: uint(), hash, code: text(CODE_BYTES_MAX, 1), signature },
  skipped: { reporter: address, fromSeq: uint(), toSeq: uint(), signature },
})

const payout = struct({
  payoutId: uint(2 ** 32 - 1),
  account,
  recipient: address,
  wei: amountWei,
  kind: oneOf('ticket', 'transfer'),
})

export const bodies = {
  genesis,
  policy: struct({
    version: uint(POLICY_VERSION_MAX),
    policy: policyCodec,
    policyHash: hash,
    prevPolicyHash: hash,
    notAfter: uint(),
    signatures,
  }),
  register,
  credit,
  credits,
  adjust,
  refuse,
  reserve: struct({ sequence, payouts: list(payout, PAYOUTS_MAX) }),
  commit: struct({ header: headerCodec, hash }),
  /** `bitmap` is the 32 bytes of the anchor's uint256, null for a bare commit; `head` is what the next prev must be. */
  settle: struct({ sequence, bitmap: nullable(hash), head: hash }),
  void: struct({ sequence, head: hash }),
  open: struct({ epoch, head: hash, session: address, attestationDigest: hash, imageDigest: hash }),
  /** `epoch` is the claimed one. Signatures of a RotateApproval are there when logKey or config is another one [G5]. */
  rotate: struct({
    epoch,
    authority: address,
    logKey: hash,
    config: hash,
    imageDigest: hash,
    notAfter: uint(),
    signatures,
  }),
  reset: struct({ atSize: uint(), atHead: hash, newHead: hash, notAfter: uint(), signatures }),
  note: struct({ text: text(NOTE_BYTES_MAX, 1) }),
} as const

export type EntryType = keyof typeof bodies
export type Body<T extends EntryType> = Decoded<(typeof bodies)[T]>
export type Payout = Body<'reserve'>['payouts'][number]

export type Entry = {
  readonly [T in EntryType]: {
    readonly v: number
    readonly i: number
    readonly at: number
    readonly type: T
    readonly body: Body<T>
  }
}[EntryType]

/** The canonical bytes of an entry; its keys stand in canonical order already. */
export function encodeEntry(entry: Entry): Uint8Array {
  if (entry.type === 'credit' && entry.body.source === 'journal')
    return encodeJournalCredit(entry.v, entry.i, entry.at, entry.body, fromHex(entry.body.hash))
  const codec = bodies[entry.type] as Codec<unknown>
  const map: { [key: string]: CborValue } = {
    i: entry.i,
    v: entry.v,
    at: entry.at,
    body: codec.encode(entry.body),
    type: entry.type,
  }
  return encodeCbor(map)
}

const envelope = struct({
  v: uint(2 ** 16 - 1),
  i: uint(),
  at: uint(),
  type: text(CODE_BYTES_MAX, 1),
  body: { encode: (value: CborValue) => value, decode: (value: unknown) => value as CborValue },
})

/**
 * Foreign bytes as an entry. Refuses ENTRY_SYNTAX with the field, VERSION_NEWER and VERSION_OLDER for a generation that
 * this code does not know, CBOR_SYNTAX and CBOR_NOT_CANONICAL. Encoding the result again gives the very same bytes.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  if (bytes.length > ENTRY_BYTES_MAX)
    throw new CodedError('ENTRY_SYNTAX', `expected at most ${ENTRY_BYTES_MAX} bytes, got ${bytes.length}`)
  const outer = decodeWith(envelope, decodeCbor(bytes, { canonical: true }), 'ENTRY_SYNTAX', 'entry')
  if (outer.v > PROTOCOL_VERSION)
    throw new CodedError('VERSION_NEWER', `expected generation ${PROTOCOL_VERSION} or older, got ${outer.v}`)
  if (outer.v < PROTOCOL_VERSION_OLDEST)
    throw new CodedError('VERSION_OLDER', `expected generation ${PROTOCOL_VERSION_OLDEST} or newer, got ${outer.v}`)
  if (!Object.hasOwn(bodies, outer.type))
    throw new CodedError('ENTRY_SYNTAX', `entry.type: expected a known type, got ${outer.type}`)
  const type = outer.type as EntryType
  const body = decodeWith(bodies[type] as Codec<unknown>, outer.body, 'ENTRY_SYNTAX', `${type} entry ${outer.i}`)
  const entry = { ...outer, type, body } as Entry
  // Text where bytes belong would decode too; only the canonical form may stand in the log.
  if (!bytesEqual(encodeEntry(entry), bytes))
    throw new CodedError('ENTRY_SYNTAX', `entry ${outer.i}: expected its canonical form`)
  return entry
}
