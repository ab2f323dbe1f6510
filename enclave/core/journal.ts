/** What a journal line means for the ledger (protocol section 6). A decision; apply carries it out. */
import type { Body } from '../protocol/entry.ts'
import { REASON_BYTES_MAX } from '../protocol/entry.ts'
import { assert, CodedError, type ErrorCode } from '../protocol/errors.ts'
import { sha256 } from '../protocol/hash.ts'
import type { Hash } from '../protocol/ids.ts'
import { fromHex, HASH_BYTES, ORCHESTRATOR_ID_BYTES_MAX, toHash } from '../protocol/ids.ts'
import type { JournalCredit } from '../protocol/journal-entry.ts'
import { LINE_BYTES_MAX } from '../protocol/methods.ts'
import { AMOUNT_WEI_LIMIT, LEDGER_WEI_LIMIT, parseEther, plainEther, sameEther, type Wei } from '../protocol/money.ts'
import { type JsonValue, parseStrictJson } from '../protocol/strict-json.ts'
import { passesCap } from './caps.ts'
import { readPlainLine } from './plain-line.ts'
import { balanceWei, type State } from './state.ts'

/** The line with its newline, or its hash and length where it is longer than LINE_BYTES_MAX. */
export type Line = Uint8Array | { readonly hash: Hash; readonly bytes: number }

export type LineVerdict =
  | { readonly type: 'credit'; readonly body: JournalCredit }
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

/** SHA-256 of the line with its newline: 32 bytes. */
export function lineHash(line: Line): Uint8Array {
  return line instanceof Uint8Array ? sha256(line) : fromHex(line.hash)
}

/** True for one complete line: its newline ends it and there is no other. */
export function isCompleteLine(line: Uint8Array): boolean {
  return line.length > 0 && line.indexOf(NEWLINE) === line.length - 1
}

/** Every complete line gets a verdict; whatever is wrong with it is recorded as refused, and the cursor moves on [F13]. */
export function judgeLine(state: State, line: Line, hash: Uint8Array, atSeconds: number): LineVerdict {
  try {
    const fields = readFields(line)
    const verdict = typeof fields === 'string' ? fields : judgeFields(state, fields, hash, atSeconds)
    return typeof verdict === 'string' ? refusal(state, line, hash, verdict) : verdict
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    return refusal(state, line, hash, error.code)
  }
}

function refusal(state: State, line: Line, hash: Uint8Array, code: ErrorCode): LineVerdict {
  const bytes = line instanceof Uint8Array ? line.length : line.bytes
  return { type: 'refuse', body: { source: 'journal', line: state.journalSize, hash: toHash(hash), bytes, code } }
}

type Fields = { readonly id: string; readonly amount: string; readonly reason: string }

/** What the ledger takes of a line, or the code that it is refused with: to throw one costs as much as to judge ten lines. */
function readFields(line: Line): Fields | ErrorCode {
  if (!(line instanceof Uint8Array) || line.length > LINE_BYTES_MAX) return 'LINE_TOO_LONG'
  const read = readPlainLine(line) ?? readStrictly(line)
  if (typeof read === 'string') return read
  const { event, orchestrator_id: id, amount, delta, reason } = read
  if (event === BALANCE_EVENT) return 'LINE_SET_BALANCE'
  if (event !== CREDIT_EVENT) return 'LINE_EVENT_UNKNOWN'
  if (typeof id !== 'string' || typeof amount !== 'string') return 'LINE_FIELD'
  if (reason !== undefined && reason !== null && typeof reason !== 'string') return 'LINE_FIELD'
  if (!isId(id)) return 'ORCHESTRATOR_ID'
  const code = judgeDelta(amount, delta)
  if (code !== null) return code
  if (reason !== undefined && reason !== null && !reason.isWellFormed()) return 'LINE_FIELD'
  return { id, amount, reason: shortReason(reason ?? '') }
}

function readStrictly(line: Uint8Array): { readonly [key: string]: JsonValue } | ErrorCode {
  const parsed = parseStrictJson(line.subarray(0, line.length - 1), { depthMax: LINE_DEPTH_MAX })
  if (parsed.kind === 'not-utf8') return 'LINE_NOT_UTF8'
  if (parsed.kind === 'key-doubled') return 'LINE_KEY_DOUBLED'
  return parsed.kind === 'not-json' ? 'LINE_NOT_JSON' : parsed.value
}

/** Refuses ORCHESTRATOR_ID. */
export function checkId(id: string): void {
  if (!isId(id)) throw new CodedError('ORCHESTRATOR_ID', 'an id of 1 to 128 bytes of UTF-8')
}

function isId(id: string): boolean {
  const size = id.isWellFormed() ? utf8Bytes(id) : 0
  return size >= 1 && size <= ORCHESTRATOR_ID_BYTES_MAX
}

/**
 * `delta` repeats `amount` where it stands; one that says something else makes the line ambiguous. The code of what is
 * wrong, or null. Refuses AMOUNT_SYNTAX.
 */
function judgeDelta(amount: string, delta: unknown): ErrorCode | null {
  if (delta === undefined || delta === null) return null
  if (typeof delta !== 'string') return 'LINE_FIELD'
  // The same text: whether it is an amount at all is judged where it is read.
  return delta === amount || sameEther(amount, delta) ? null : 'AMOUNT_CONFLICT'
}

/** The reason is for readers: a long one is cut, since it must not cost a credit. `reason` is well-formed. */
function shortReason(reason: string): string {
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

function judgeFields(state: State, fields: Fields, hash: Uint8Array, atSeconds: number): LineVerdict | ErrorCode {
  const { id, amount, reason } = fields
  const value = plainEther(amount) ?? parseEther(amount)
  if (value === 0n) return 'AMOUNT_ZERO'
  const size = value < 0n ? -value : value
  if (size >= AMOUNT_WEI_LIMIT) return 'AMOUNT_TOO_LARGE'
  const known = state.byId.get(id)
  const line = state.journalSize
  if (value < 0n) {
    if (known === undefined || balanceWei(known) < size) return 'OVERDRAW'
    const common = { source: 'journal', account: known.index, id, line, hash: toHash(hash) } as const
    return { type: 'adjust', body: { ...common, amount, reason, delta: value } }
  }
  if (known === undefined && state.accounts.length >= state.policy.accountsMax) return 'LEDGER_FULL'
  if (state.creditedWei + value >= LEDGER_WEI_LIMIT) return 'LEDGER_FULL'
  if (passesCap(state, state.journalUse, state.policy.journal, value, atSeconds)) return 'CREDIT_CAP'
  const account = known?.index ?? state.accounts.length
  return { type: 'credit', body: { account, id, wei: value as Wei, line, amount, reason } }
}
