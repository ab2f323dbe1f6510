/** What a journal line means for the ledger (protocol section 6). A decision; apply carries it out. */
import type { Body } from '../protocol/entry.ts'
import { REASON_BYTES_MAX } from '../protocol/entry.ts'
import { assert, CodedError } from '../protocol/errors.ts'
import { sha256 } from '../protocol/hash.ts'
import type { Hash } from '../protocol/ids.ts'
import { HASH_BYTES, ORCHESTRATOR_ID_BYTES_MAX, toHash } from '../protocol/ids.ts'
import { LINE_BYTES_MAX } from '../protocol/methods.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT, parseEther, sameEther, type Wei } from '../protocol/money.ts'
import { type JsonValue, parseStrictJson } from '../protocol/strict-json.ts'
import { passesCap } from './caps.ts'
import { readPlainLine } from './plain-line.ts'
import { balanceWei, type State } from './state.ts'

/** The line with its newline, or its hash and length where it is longer than LINE_BYTES_MAX. */
export type Line = Uint8Array | { readonly hash: Hash; readonly bytes: number }

export type LineVerdict =
  | { readonly type: 'credit'; readonly body: Body<'credit'> }
  | { readonly type: 'adjust'; readonly body: Body<'adjust'> }
  | { readonly type: 'refuse'; readonly body: Body<'refuse'> }

const NEWLINE = 10
const LINE_DEPTH_MAX = 16
const CREDIT_EVENT = 'credit'
const BALANCE_EVENT = 'set_balance'

/** journalHead' = sha256(journalHead ‖ sha256(line with its newline)). */
export function nextJournalHead(head: Uint8Array, lineHash: Uint8Array): Uint8Array {
  assert(head.length === HASH_BYTES && lineHash.length === HASH_BYTES, 'a journal head joins two hashes of 32 bytes')
  joined.set(head)
  joined.set(lineHash, HASH_BYTES)
  return sha256(joined)
}

/** Laid out here and hashed at once. */
const joined = new Uint8Array(2 * HASH_BYTES)

export function lineHash(line: Line): Hash {
  return line instanceof Uint8Array ? toHash(sha256(line)) : line.hash
}

/** True for one complete line: its newline ends it and there is no other. */
export function isCompleteLine(line: Uint8Array): boolean {
  return line.length > 0 && line.indexOf(NEWLINE) === line.length - 1
}

/** Every complete line gets a verdict; whatever is wrong with it is recorded as refused, and the cursor moves on [F13]. */
export function judgeLine(state: State, line: Line, hash: Hash, atSeconds: number): LineVerdict {
  const bytes = line instanceof Uint8Array ? line.length : line.bytes
  try {
    if (!(line instanceof Uint8Array) || line.length > LINE_BYTES_MAX)
      throw new CodedError('LINE_TOO_LONG', `${bytes} bytes`)
    return judgeFields(state, readFields(line), hash, atSeconds)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    return { type: 'refuse', body: { source: 'journal', line: state.journalSize, hash, bytes, code: error.code } }
  }
}

type Fields = { readonly id: string; readonly amount: string; readonly reason: string }

function readFields(line: Uint8Array): Fields {
  const { event, orchestrator_id: id, amount, delta, reason } = readPlainLine(line) ?? readStrictly(line)
  if (event === BALANCE_EVENT) throw new CodedError('LINE_SET_BALANCE', 'book-keeping of the replaced system')
  if (event !== CREDIT_EVENT) throw new CodedError('LINE_EVENT_UNKNOWN', 'an event other than credit and set_balance')
  if (typeof id !== 'string' || typeof amount !== 'string')
    throw new CodedError('LINE_FIELD', 'orchestrator_id or amount')
  if (reason !== undefined && reason !== null && typeof reason !== 'string')
    throw new CodedError('LINE_FIELD', 'reason')
  checkId(id)
  checkDelta(amount, delta)
  return { id, amount, reason: shortReason(reason ?? '') }
}

function readStrictly(line: Uint8Array): { readonly [key: string]: JsonValue } {
  const parsed = parseStrictJson(line.subarray(0, line.length - 1), { depthMax: LINE_DEPTH_MAX })
  if (parsed.kind === 'not-utf8') throw new CodedError('LINE_NOT_UTF8', 'the line is not UTF-8')
  if (parsed.kind === 'key-doubled') throw new CodedError('LINE_KEY_DOUBLED', 'a key stands twice')
  if (parsed.kind === 'not-json') throw new CodedError('LINE_NOT_JSON', 'the line is not a JSON object')
  return parsed.value
}

/** Refuses ORCHESTRATOR_ID. */
export function checkId(id: string): void {
  const size = id.isWellFormed() ? utf8Bytes(id) : 0
  if (size < 1 || size > ORCHESTRATOR_ID_BYTES_MAX)
    throw new CodedError('ORCHESTRATOR_ID', 'an id of 1 to 128 bytes of UTF-8')
}

/** `delta` repeats `amount` where it stands; one that says something else makes the line ambiguous. */
function checkDelta(amount: string, delta: unknown): void {
  if (delta === undefined || delta === null) return
  if (typeof delta !== 'string') throw new CodedError('LINE_FIELD', 'delta')
  // The same text: whether it is an amount at all is judged where it is read.
  if (delta === amount) return
  if (!sameEther(amount, delta)) throw new CodedError('AMOUNT_CONFLICT', 'delta and amount differ')
}

/** The reason is for readers: a long one is cut, since it must not cost a credit. */
function shortReason(reason: string): string {
  if (!reason.isWellFormed()) throw new CodedError('LINE_FIELD', 'reason')
  let short = reason.slice(0, REASON_BYTES_MAX)
  while (!short.isWellFormed() || utf8Bytes(short) > REASON_BYTES_MAX) short = short.slice(0, -1)
  return short
}

/** The length in UTF-8 of well-formed text, without making its bytes. */
function utf8Bytes(text: string): number {
  let size = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    // A pair of surrogates is two units and four bytes, so each counts two.
    if (unit > 0x7f) size += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return size
}

function judgeFields(state: State, fields: Fields, hash: Hash, atSeconds: number): LineVerdict {
  const value = parseEther(fields.amount)
  if (value === 0n) throw new CodedError('AMOUNT_ZERO', 'nothing is left of the amount')
  if (value >= AMOUNT_WEI_LIMIT || -value >= AMOUNT_WEI_LIMIT)
    throw new CodedError('AMOUNT_TOO_LARGE', 'an amount below 2^96 wei')
  const known = state.byId.get(fields.id)
  const common = {
    source: 'journal' as const,
    account: known?.index ?? state.accounts.length,
    id: fields.id,
    line: state.journalSize,
    hash,
    amount: fields.amount,
    reason: fields.reason,
  }
  if (value < 0n) {
    if (known === undefined || balanceWei(known) < -value) throw new CodedError('OVERDRAW', 'a balance that covers it')
    return { type: 'adjust', body: { ...common, delta: value } }
  }
  if (known === undefined && state.accounts.length >= state.policy.accountsMax)
    throw new CodedError('LEDGER_FULL', 'accountsMax')
  if (state.creditedWei + value >= LEDGER_WEI_LIMIT) throw new CodedError('LEDGER_FULL', 'a total below 2^127 wei')
  if (passesCap(state, state.journalUse, state.policy.journal, value, atSeconds))
    throw new CodedError('CREDIT_CAP', "the journal's caps")
  return { type: 'credit', body: { ...common, wei: value as Wei } }
}
