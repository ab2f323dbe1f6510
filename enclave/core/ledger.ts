/** Entries in, state and log forward, together or not at all [S21]. */
import { DEPTH_GENESIS } from '../protocol/balance-tree.ts'
import type { Body, Entry, EntryType } from '../protocol/entry.ts'
import { decodeEntry, encodeEntry } from '../protocol/entry.ts'
import { AssertionError, assert } from '../protocol/errors.ts'
import { PROTOCOL_VERSION } from '../protocol/header.ts'
import { encodeJournalCredit, type JournalCredit } from '../protocol/journal-entry.ts'
import { leafHash } from '../protocol/log-tree.ts'
import { ENTRY_BYTES_MAX } from '../protocol/tlog.ts'
import { apply } from './apply.ts'
import { applyJournalCredit } from './apply-inputs.ts'
import { newForest } from './balance-forest.ts'
import { stateOfGenesis } from './first-state.ts'
import { appendLeaf, newFrontier } from './log-frontier.ts'
import { demand, type State } from './state.ts'

/**
 * Decides nothing: encodes an entry that was decided, applies it and appends it. `nowSeconds` is the shell's clock; the
 * entry's `at` never falls behind the last one. Gives the entry's bytes.
 */
export function write<T extends EntryType>(state: State, type: T, body: Body<T>, nowSeconds: number): Uint8Array {
  const at = Math.max(state.at, nowSeconds)
  const entry = { v: PROTOCOL_VERSION, i: state.log.size, at, type, body } as Entry
  const bytes = encodeEntry(entry)
  assert(bytes.length <= ENTRY_BYTES_MAX, 'an entry fits its 16-bit length')
  applyOwn(state, entry)
  append(state, bytes)
  return bytes
}

/**
 * As `write` of a journal line's credit, the entry that is written a thousand times for each other one: its hash stays
 * bytes, and no entry is made but its encoding. A test holds the two equal.
 */
export function writeJournalCredit(
  state: State,
  credit: JournalCredit,
  lineHash: Uint8Array,
  nowSeconds: number,
): Uint8Array {
  const at = Math.max(state.at, nowSeconds)
  const bytes = encodeJournalCredit(PROTOCOL_VERSION, state.log.size, at, credit, lineHash)
  assert(bytes.length <= ENTRY_BYTES_MAX, 'an entry fits its 16-bit length')
  try {
    state.at = at
    applyJournalCredit(state, credit, lineHash)
  } catch (cause) {
    throw notFollowing(cause)
  }
  append(state, bytes)
  return bytes
}

function applyOwn(state: State, entry: Entry): void {
  try {
    apply(state, entry)
  } catch (cause) {
    throw notFollowing(cause)
  }
}

/**
 * An entry that we decided must follow from the state. Answered as a refusal, it would leave entries that were applied and
 * never released: a log with a hole, which nobody can load or rebuild from. So it is a bug of ours, and ends this boot.
 */
function notFollowing(cause: unknown): AssertionError {
  return new AssertionError('an entry of ours follows from the state', { cause })
}

/** The first entry of a ledger. */
export function begin(
  body: Body<'genesis'>,
  nowSeconds: number,
): { readonly state: State; readonly bytes: Uint8Array } {
  const bytes = encodeEntry({ v: PROTOCOL_VERSION, i: 0, at: nowSeconds, type: 'genesis', body })
  return { state: start(body, nowSeconds, bytes), bytes }
}

/** One more entry of a log that a host supplied: undefined stands for the empty ledger. Refuses STATE_MISMATCH and syntax. */
export function replay(state: State | undefined, bytes: Uint8Array): State {
  const entry = decodeEntry(bytes)
  if (state === undefined) {
    demand(entry.type === 'genesis' && entry.i === 0, 'a genesis entry first')
    return start(entry.body, entry.at, bytes)
  }
  apply(state, entry)
  append(state, bytes)
  return state
}

function start(body: Body<'genesis'>, at: number, bytes: Uint8Array): State {
  const state = stateOfGenesis(body, at, { forest: newForest(DEPTH_GENESIS), log: newFrontier() })
  append(state, bytes)
  return state
}

function append(state: State, bytes: Uint8Array): void {
  state.lastLeafHash = leafHash(bytes)
  appendLeaf(state.log, state.lastLeafHash)
}
