/**
 * Accounts in a snapshot: rows of one width, then the ids of the rows, then what only some rows have. Integers are
 * big-endian, amounts are wei.
 *
 *   offset  bytes
 *   0       1   bytes of the id, 1..128; 0 for account 0 alone
 *   1       1   what follows the ids: 1 a recipient that waits, 2 the fields of the newest header where they differ
 *   2       20  recipient
 *   22      16  credited
 *   38      16  paid
 *   54      16  reserved
 *   70      8   lastSeq
 *   78      8   failures
 *   86      8   retrySequence
 *   94      8   regSeq
 *
 * A recipient that waits: 20 bytes, sequence 8, at 8. Fields of the newest header: as offsets 2 to 77. Which accounts the
 * header does not hold follows from its number of accounts.
 */
import { assert, CodedError, refuse } from '../protocol/errors.ts'
import type { Address } from '../protocol/ids.ts'
import { ADDRESS_BYTES, fromHex, ORCHESTRATOR_ID_BYTES_MAX, toHex, ZERO_ADDRESS } from '../protocol/ids.ts'
import { type Wei, ZERO_WEI } from '../protocol/money.ts'
import { utf8 } from '../protocol/words.ts'
import type { Account, Committed, PendingRecipient, State } from './state.ts'

export const ACCOUNTS_PER_PART = 1_000

const AMOUNT_BYTES = 16
const COUNTER_BYTES = 8
const FLAGS_AT = 1
/** The fields that a leaf binds, and where each of them lies among them. */
const FIELDS_AT = 2
const CREDITED_AT = ADDRESS_BYTES
const PAID_AT = CREDITED_AT + AMOUNT_BYTES
const RESERVED_AT = PAID_AT + AMOUNT_BYTES
const LAST_SEQ_AT = RESERVED_AT + AMOUNT_BYTES
const FIELDS_BYTES = LAST_SEQ_AT + COUNTER_BYTES
const FAILURES_AT = FIELDS_AT + FIELDS_BYTES
const RETRY_AT = FAILURES_AT + COUNTER_BYTES
const REG_SEQ_AT = RETRY_AT + COUNTER_BYTES
const ROW_BYTES = REG_SEQ_AT + COUNTER_BYTES
const WAITS = 1
const DIFFERS = 2
const WAITS_BYTES = ADDRESS_BYTES + 2 * COUNTER_BYTES
const UINT32_LIMIT = 2 ** 32
const SAFE_HIGH_LIMIT = 2 ** 21
const U64_BITS = 64n
/** Leaves have six bytes for it. */
const LAST_SEQ_MAX = 2 ** 48 - 1

/** The byte order mark is a character like any other: without ignoreBOM two ids would read as one. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

type Room = { readonly bytes: Uint8Array; readonly view: DataView }

function roomOf(bytes: Uint8Array): Room {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
}

/** The part of the accounts from `from` on, at most ACCOUNTS_PER_PART of them. */
export function encodeAccounts(state: State, from: number): Uint8Array {
  const accounts = state.accounts.slice(from, from + ACCOUNTS_PER_PART)
  const ids = utf8(accounts.map(({ id }) => id).join(''))
  const extras = accounts.map((account) => extrasOf(state, account))
  const room = roomOf(
    new Uint8Array(accounts.length * ROW_BYTES + ids.length + sum(extras.map(({ flags }) => extraBytes(flags)))),
  )
  room.bytes.set(ids, accounts.length * ROW_BYTES)
  const isAscii = ids.length === sum(accounts.map(({ id }) => id.length))
  let extraAt = accounts.length * ROW_BYTES + ids.length
  for (const [row, account] of accounts.entries()) {
    const extra = extras[row] as Extras
    putRow(room, row * ROW_BYTES, account, extra.flags)
    room.bytes[row * ROW_BYTES] = isAscii ? account.id.length : utf8(account.id).length
    if (extra.flags !== 0) extraAt = putExtras(room, extraAt, extra)
  }
  return room.bytes
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

type Extras = {
  readonly flags: number
  readonly pending: PendingRecipient | null
  readonly committed?: Committed | undefined
}

const NO_EXTRAS: Extras = { flags: 0, pending: null }

function extrasOf({ forest, touched }: State, { index, pending }: Account): Extras {
  const committed = touched.get(index)
  assert(committed === undefined || index < forest.leaves, 'only what the header holds differs from it')
  if (pending === null && committed === undefined) return NO_EXTRAS
  return { flags: (pending === null ? 0 : WAITS) + (committed === undefined ? 0 : DIFFERS), pending, committed }
}

function extraBytes(flags: number): number {
  return ((flags & WAITS) === 0 ? 0 : WAITS_BYTES) + ((flags & DIFFERS) === 0 ? 0 : FIELDS_BYTES)
}

function putRow(room: Room, at: number, account: Account, flags: number): void {
  room.bytes[at + FLAGS_AT] = flags
  putFields(room, at + FIELDS_AT, account)
  putCounter(room.view, at + FAILURES_AT, account.failures)
  putCounter(room.view, at + RETRY_AT, account.retrySequence)
  putCounter(room.view, at + REG_SEQ_AT, account.regSeq)
}

function putFields(room: Room, at: number, fields: Committed): void {
  putAddress(room.bytes, at, fields.recipient)
  putWei(room.view, at + CREDITED_AT, fields.creditedWei)
  putWei(room.view, at + PAID_AT, fields.paidWei)
  putWei(room.view, at + RESERVED_AT, fields.reservedWei)
  putCounter(room.view, at + LAST_SEQ_AT, fields.lastSeq)
}

function putExtras(room: Room, start: number, { pending, committed }: Extras): number {
  let at = start
  if (pending !== null) {
    putAddress(room.bytes, at, pending.recipient)
    putCounter(room.view, at + ADDRESS_BYTES, pending.sequence)
    putCounter(room.view, at + ADDRESS_BYTES + COUNTER_BYTES, pending.at)
    at += WAITS_BYTES
  }
  if (committed !== undefined) {
    putFields(room, at, committed)
    at += FIELDS_BYTES
  }
  return at
}

function putAddress(bytes: Uint8Array, at: number, address: Address): void {
  if (address !== ZERO_ADDRESS) bytes.set(fromHex(address), at)
}

/** Rows are zero at first. */
function putWei(view: DataView, at: number, value: Wei): void {
  if (value === ZERO_WEI) return
  view.setBigUint64(at, value >> U64_BITS)
  view.setBigUint64(at + 8, value)
}

/** Eight bytes, of a number below 2^53. */
function putCounter(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a counter is a safe integer')
  view.setUint32(at, Math.floor(value / UINT32_LIMIT))
  view.setUint32(at + 4, value % UINT32_LIMIT)
}

/**
 * Gives `count` accounts to `take` one after another, the first one with index `first`, each with its fields in the newest
 * header where they differ. Refuses STATE_MISMATCH.
 */
export function decodeAccounts(
  part: Uint8Array,
  first: number,
  count: number,
  take: (account: Account, committed: Committed | undefined) => void,
): void {
  const room = roomOf(part)
  let idAt = count * ROW_BYTES
  let extraAt = checkRows(part, first, count)
  for (let row = 0; row < count; row++) {
    const at = row * ROW_BYTES
    const idEnd = idAt + (part[at] as number)
    const flags = part[at + FLAGS_AT] as number
    const account = accountAt(room, at, first + row, textAt(part, idAt, idEnd))
    if ((flags & WAITS) !== 0) account.pending = pendingAt(room, extraAt)
    const fieldsAt = extraAt + extraBytes(flags & WAITS)
    take(account, (flags & DIFFERS) === 0 ? undefined : committedAt(room, fieldsAt))
    idAt = idEnd
    extraAt += extraBytes(flags)
  }
}

/** All that the rows promise is there, and nothing else: what is read afterwards lies in the part. Gives where the ids end. */
function checkRows(part: Uint8Array, first: number, count: number): number {
  if (part.length < count * ROW_BYTES) refuse('STATE_MISMATCH', `${count} rows of ${ROW_BYTES} bytes`, part.length)
  let idsEnd = count * ROW_BYTES
  let extrasBytes = 0
  for (let row = 0; row < count; row++) {
    const size = part[row * ROW_BYTES] as number
    const flags = part[row * ROW_BYTES + FLAGS_AT] as number
    const hasId = first + row > 0
    if (size > ORCHESTRATOR_ID_BYTES_MAX || size > 0 !== hasId)
      refuse('STATE_MISMATCH', `an id for account ${first + row}`, `one of ${size} bytes`)
    if (flags > WAITS + DIFFERS) refuse('STATE_MISMATCH', `flags of account ${first + row}`, flags)
    idsEnd += size
    extrasBytes += extraBytes(flags)
  }
  if (part.length !== idsEnd + extrasBytes)
    refuse('STATE_MISMATCH', `a part of ${idsEnd + extrasBytes} bytes`, part.length)
  return idsEnd
}

/** A text of its own: one cut out of a longer text would be read through it at every use. */
function textAt(bytes: Uint8Array, from: number, to: number): string {
  try {
    return decoder.decode(bytes.subarray(from, to))
  } catch (cause) {
    throw new CodedError('STATE_MISMATCH', 'expected an id of well-formed UTF-8, got other bytes', { cause })
  }
}

/** Field by field, as openAccount makes one: accounts of one shape are read faster than a mixture. */
function accountAt({ bytes, view }: Room, at: number, index: number, id: string): Account {
  const fields = at + FIELDS_AT
  return {
    index,
    id,
    recipient: addressAt(bytes, fields),
    creditedWei: weiAt(view, fields + CREDITED_AT),
    paidWei: weiAt(view, fields + PAID_AT),
    reservedWei: weiAt(view, fields + RESERVED_AT),
    lastSeq: lastSeqAt(view, fields + LAST_SEQ_AT),
    failures: uintAt(view, at + FAILURES_AT),
    retrySequence: uintAt(view, at + RETRY_AT),
    regSeq: uintAt(view, at + REG_SEQ_AT),
    pending: null,
  }
}

function pendingAt({ bytes, view }: Room, at: number): PendingRecipient {
  return {
    recipient: addressAt(bytes, at),
    sequence: uintAt(view, at + ADDRESS_BYTES),
    at: uintAt(view, at + ADDRESS_BYTES + COUNTER_BYTES),
  }
}

function committedAt({ bytes, view }: Room, at: number): Committed {
  return {
    recipient: addressAt(bytes, at),
    creditedWei: weiAt(view, at + CREDITED_AT),
    paidWei: weiAt(view, at + PAID_AT),
    reservedWei: weiAt(view, at + RESERVED_AT),
    lastSeq: lastSeqAt(view, at + LAST_SEQ_AT),
  }
}

/** Accounts without a recipient share one text. */
function addressAt(bytes: Uint8Array, at: number): Address {
  let any = 0
  for (let byte = at; byte < at + ADDRESS_BYTES; byte++) any |= bytes[byte] as number
  return any === 0 ? ZERO_ADDRESS : (toHex(bytes.subarray(at, at + ADDRESS_BYTES)) as Address)
}

function weiAt(view: DataView, at: number): Wei {
  const high = view.getUint32(at) + view.getUint32(at + 4) === 0 ? ZERO_WEI : view.getBigUint64(at)
  const low = view.getUint32(at + 8) + view.getUint32(at + 12) === 0 ? ZERO_WEI : view.getBigUint64(at + 8)
  return (high === ZERO_WEI ? low : (high << U64_BITS) | low) as Wei
}

function lastSeqAt(view: DataView, at: number): number {
  const sequence = uintAt(view, at)
  if (sequence > LAST_SEQ_MAX) refuse('STATE_MISMATCH', 'a sequence of six bytes', sequence)
  return sequence
}

function uintAt(view: DataView, at: number): number {
  const high = view.getUint32(at)
  const low = view.getUint32(at + 4)
  if (high === 0) return low
  if (high >= SAFE_HIGH_LIMIT)
    throw new CodedError('STATE_MISMATCH', 'expected an integer below 2^53, got a larger one')
  return high * UINT32_LIMIT + low
}
