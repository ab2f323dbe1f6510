/**
 * A state as bytes, for sealing: a head part, then accounts in parts. Nothing in it is trusted for being there: every
 * root and total is computed again when it is read (protocol section 5).
 */
import { leafHash } from '../protocol/balance-tree.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import { type Codec, decodeWith, list } from '../protocol/codec.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { headerHash, PROTOCOL_VERSION } from '../protocol/header.ts'
import { fromHex, toHash, ZERO_ADDRESS } from '../protocol/ids.ts'
import { policyHash } from '../protocol/policy.ts'
import { concatBytes } from '../protocol/words.ts'
import { foldRoot, rebuildForest } from './balance-forest.ts'
import { newDueIndex } from './due-index.ts'
import { leafFields } from './header-of.ts'
import { assertConservation } from './invariants.ts'
import { frontierOf } from './log-frontier.ts'
import {
  ACCOUNTS_PER_PART,
  accountCodec,
  type Head,
  headCodec,
  paidToCodec,
  type StoredAccount,
  type StoredWindow,
  WINDOWS_PER_PART,
} from './snapshot-format.ts'
import { type Account, rebuildDue, type State } from './state.ts'
import type { Window } from './window.ts'

const LENGTH_BYTES = 4

/** The whole state. Legal between requests only. */
export function encodeSnapshot(state: State): Uint8Array {
  const parts = [
    encodeCbor(headCodec.encode(headOf(state))),
    ...encodeParts(state.accounts, ACCOUNTS_PER_PART, (account) => accountCodec.encode(withCommitted(state, account))),
    ...encodeParts([...state.paidTo], WINDOWS_PER_PART, ([recipient, window]) =>
      paidToCodec.encode({ recipient, window }),
    ),
  ]
  return concatBytes(...parts.flatMap((part) => [lengthOf(part), part]))
}

/** Part by part: a second form of a million accounts at once would be as large as the state. */
function encodeParts<T>(items: readonly T[], perPart: number, encode: (item: T) => CborValue): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let from = 0; from < items.length; from += perPart)
    parts.push(encodeCbor(items.slice(from, from + perPart).map(encode)))
  return parts
}

function lengthOf(part: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, part.length)
  return length
}

function withCommitted(state: State, account: Account): StoredAccount {
  const { index: _, ...fields } = account
  if (!state.touched.has(account.index)) return { ...fields, committed: [] }
  return { ...fields, committed: [state.touched.get(account.index) ?? null] }
}

function headOf(state: State): Head {
  const { unlanded } = state
  return {
    version: PROTOCOL_VERSION,
    configuration: state.configuration,
    ledgerId: state.ledgerId,
    imageDigest: state.imageDigest,
    authority: state.authority,
    logKey: state.logKey,
    config: state.config,
    policy: state.policy,
    policyHash: state.policyHash,
    policyVersion: state.policyVersion,
    accounts: state.accounts.length,
    treeDepth: state.forest.depth,
    logSize: state.log.size,
    logFrontier: state.log.peaks.map(toHash),
    lastLeafHash: toHash(state.lastLeafHash),
    at: state.at,
    epoch: state.epoch,
    head: state.head,
    sequence: state.sequence,
    lastHeader: state.lastHeader,
    landed: unlanded === null ? [] : [{ payouts: { sequence: unlanded.header.sequence, payouts: unlanded.payouts } }],
    lastCommitAt: state.lastCommitAt,
    journalSize: state.journalSize,
    journalHead: toHash(state.journalHead),
    nextPayoutId: state.nextPayoutId,
    servedIndex: state.servedIndex,
    genesisRosterLeft: state.genesisLeft.roster,
    genesisOpeningsLeft: state.genesisLeft.openings,
    adjustSeq: state.adjustSeq,
    drainSeq: state.drainSeq,
    reporters: [...state.reporters].map(([reporter, use]) => ({ reporter, ...use })),
    journalUse: state.journalUse,
    paidTo: state.paidTo.size,
    paidToAll: state.paidToAll,
  }
}

/** Reads a snapshot and proves it against its own newest header. Refuses STATE_MISMATCH, VERSION_NEWER. */
export function decodeSnapshot(bytes: Uint8Array): State {
  const parts = splitParts(bytes)
  const first = decodeCbor(parts[0] ?? new Uint8Array(0), { canonical: true })
  const version = (first as { version?: unknown } | null)?.version
  if (typeof version === 'number' && version > PROTOCOL_VERSION)
    refuse('VERSION_NEWER', `generation ${PROTOCOL_VERSION} or older`, version)
  const head = decodeWith(headCodec, first, 'STATE_MISMATCH', 'snapshot')
  const windowsAt = 1 + Math.ceil(head.accounts / ACCOUNTS_PER_PART)
  const accounts = readAccounts(head, parts.slice(1, windowsAt))
  const windows = parts.slice(windowsAt).flatMap((part) => decodePart(paidToCodec, part, WINDOWS_PER_PART))
  checkCount(head.paidTo, windows.length)
  const state = stateOf(head, accounts, windows)
  proveState(state)
  return state
}

function splitParts(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + LENGTH_BYTES <= bytes.length ? at + LENGTH_BYTES + view.getUint32(at) : Number.POSITIVE_INFINITY
    if (end > bytes.length) throw new CodedError('STATE_MISMATCH', 'expected whole parts in a snapshot, got a cut one')
    parts.push(bytes.subarray(at + LENGTH_BYTES, end))
    at = end
  }
  return parts
}

function decodePart<T>(codec: Codec<T>, part: Uint8Array, perPart: number): readonly T[] {
  return decodeWith(list(codec, perPart), decodeCbor(part, { canonical: true }), 'STATE_MISMATCH', 'snapshot')
}

function checkCount(expected: number, got: number): void {
  if (got !== expected) refuse('STATE_MISMATCH', `${expected} items in the parts of a snapshot`, got)
}

type Accounts = Pick<State, 'accounts' | 'byId' | 'touched' | 'forest'>

/** Each account becomes what it is in a state, and a leaf, before the next part is read: what was stored is forgotten at once. */
function readAccounts(head: Head, parts: readonly Uint8Array[]): Accounts {
  const accounts: Account[] = []
  const touched: State['touched'] = new Map()
  const forest = rebuildForest(head.treeDepth, leavesOf(parts, accounts, touched))
  checkCount(head.accounts, accounts.length)
  const byId = new Map<string, Account>()
  // Account 0 has no id that an input could name.
  for (let index = 1; index < accounts.length; index++) {
    const account = accounts[index] as Account
    byId.set(account.id, account)
  }
  return { accounts, byId, touched, forest }
}

/** The leaves as the newest header has them; what changed since is marked as touched. */
function* leavesOf(
  parts: readonly Uint8Array[],
  accounts: Account[],
  touched: State['touched'],
): Generator<Uint8Array, void> {
  for (const part of parts) {
    for (const stored of decodePart(accountCodec, part, ACCOUNTS_PER_PART)) {
      const account = accountOf(stored, accounts.length)
      accounts.push(account)
      const committed = stored.committed.length === 0 ? account : (stored.committed[0] ?? undefined)
      if (committed !== account) touched.set(account.index, committed)
      if (committed !== undefined) yield leafHash(leafFields(account, committed))
    }
  }
}

/** Field by field, as openAccount makes one: accounts of one shape are read faster than a mixture. */
function accountOf(stored: StoredAccount, index: number): Account {
  return {
    index,
    id: stored.id,
    recipient: stored.recipient,
    creditedWei: stored.creditedWei,
    paidWei: stored.paidWei,
    reservedWei: stored.reservedWei,
    lastSeq: stored.lastSeq,
    failures: stored.failures,
    retrySequence: stored.retrySequence,
    regSeq: stored.regSeq,
    pending: stored.pending,
  }
}

function stateOf(head: Head, read: Accounts, windows: readonly StoredWindow[]): State {
  const { accounts } = read
  const landed = head.landed[0]
  const header = head.lastHeader
  const sum = (pick: (account: Account) => bigint): bigint =>
    accounts.reduce((total, account) => total + pick(account), 0n)
  const state: State = {
    configuration: head.configuration,
    ledgerId: head.ledgerId,
    imageDigest: head.imageDigest,
    authority: head.authority,
    logKey: head.logKey,
    config: head.config,
    policy: head.policy,
    policyHash: head.policyHash,
    policyVersion: head.policyVersion,
    ...read,
    log: frontierOf(head.logSize, head.logFrontier.map(fromHex)),
    lastLeafHash: fromHex(head.lastLeafHash),
    at: head.at,
    epoch: head.epoch,
    head: head.head,
    sequence: head.sequence,
    reserving: null,
    unlanded:
      landed === undefined || header === null
        ? null
        : { header, hash: headerHash(header), payouts: landed.payouts.payouts },
    lastHeader: header,
    lastCommitAt: head.lastCommitAt,
    creditedWei: sum((account) => account.creditedWei) as State['creditedWei'],
    paidWei: sum((account) => account.paidWei) as State['paidWei'],
    reservedWei: sum((account) => account.reservedWei) as State['reservedWei'],
    journalSize: head.journalSize,
    journalHead: fromHex(head.journalHead),
    nextPayoutId: head.nextPayoutId,
    servedIndex: head.servedIndex,
    genesisLeft: { roster: head.genesisRosterLeft, openings: head.genesisOpeningsLeft },
    accountsWithoutRecipient: accounts.filter((account) => account.recipient === ZERO_ADDRESS).length,
    ...usesOf(head, windows),
    adjustSeq: head.adjustSeq,
    drainSeq: head.drainSeq,
  }
  rebuildDue(state)
  return state
}

function usesOf(
  head: Head,
  windows: readonly StoredWindow[],
): Pick<State, 'due' | 'reporters' | 'journalUse' | 'paidTo' | 'paidToAll'> {
  return {
    due: newDueIndex(),
    reporters: new Map(
      head.reporters.map(({ reporter, ...use }) => [reporter, { ...use, window: thawed(use.window) }]),
    ),
    journalUse: { creditedWei: head.journalUse.creditedWei, window: thawed(head.journalUse.window) },
    paidTo: new Map(windows.map(({ recipient, window }) => [recipient, thawed(window)])),
    paidToAll: thawed(head.paidToAll),
  }
}

function thawed(window: StoredWindow['window']): Window {
  return window.map((spending) => ({ ...spending }))
}

function proveState(state: State): void {
  const { lastHeader, unlanded } = state
  assertConservation(state)
  const ownHash = policyHash(state.policy)
  if (ownHash !== state.policyHash) refuse('STATE_MISMATCH', `policy ${state.policyHash}`, ownHash)
  if (lastHeader === null) {
    if (state.forest.leaves !== 0) refuse('STATE_MISMATCH', 'no leaf before the first header', state.forest.leaves)
    return
  }
  const root = toHash(foldRoot(state.forest))
  if (root !== lastHeader.balanceRoot) refuse('STATE_MISMATCH', `balance root ${lastHeader.balanceRoot}`, root)
  if (state.forest.leaves !== lastHeader.accounts)
    refuse('STATE_MISMATCH', `${lastHeader.accounts} accounts in the header`, state.forest.leaves)
  if (lastHeader.ledgerId !== state.ledgerId) refuse('STATE_MISMATCH', state.ledgerId, lastHeader.ledgerId)
  // The newest header landed, or it is the next one: on its way, or void.
  const follows = lastHeader.sequence === state.sequence || lastHeader.sequence === state.sequence + 1
  if (!follows) refuse('STATE_MISMATCH', `a header of sequence ${lastHeader.sequence}`, state.sequence)
  // Between two commits a policy can be newer than the header's; the header's own version has the header's hash.
  const { policyVersion } = lastHeader
  if (
    state.policyVersion < policyVersion ||
    (state.policyVersion === policyVersion && ownHash !== lastHeader.policyHash)
  )
    refuse('STATE_MISMATCH', `policy ${policyVersion} ${lastHeader.policyHash}`, `${state.policyVersion} ${ownHash}`)
  if (unlanded !== null && (unlanded.header.sequence !== state.sequence + 1 || unlanded.header.prev !== state.head)) {
    refuse('STATE_MISMATCH', 'an unlanded header that follows the head', unlanded.header.sequence)
  }
}
