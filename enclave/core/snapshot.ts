/**
 * A state as bytes, for sealing: a head part, then accounts in parts. Nothing in it is trusted for being there: every
 * root and total is computed again when it is read (protocol section 5).
 */
import { leafHash } from '../protocol/balance-tree.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import { type Codec, decodeWith, list } from '../protocol/codec.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { headerHash, PROTOCOL_VERSION } from '../protocol/header.ts'
import { fromHex, toHash, ZERO_ADDRESS } from '../protocol/ids.ts'
import { concatBytes } from '../protocol/words.ts'
import { foldRoot, rebuildForest } from './balance-forest.ts'
import { newDueIndex } from './due-index.ts'
import { leafFields, leafOf } from './header-of.ts'
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
  const accounts = state.accounts.map((account) => withCommitted(state, account))
  const windows = [...state.paidTo].map(([recipient, window]) => ({ recipient, window }))
  const parts = [
    encodeCbor(headCodec.encode(headOf(state))),
    ...encodeParts(accountCodec, accounts, ACCOUNTS_PER_PART),
    ...encodeParts(paidToCodec, windows, WINDOWS_PER_PART),
  ]
  return concatBytes(...parts.flatMap((part) => [lengthOf(part), part]))
}

function encodeParts<T>(codec: Codec<T>, items: readonly T[], perPart: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let from = 0; from < items.length; from += perPart)
    parts.push(encodeCbor(items.slice(from, from + perPart).map((item) => codec.encode(item))))
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
  const accounts = decodeParts(accountCodec, parts.slice(1, windowsAt), head.accounts, ACCOUNTS_PER_PART)
  const windows = decodeParts(paidToCodec, parts.slice(windowsAt), head.paidTo, WINDOWS_PER_PART)
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

function decodeParts<T>(codec: Codec<T>, parts: readonly Uint8Array[], count: number, perPart: number): readonly T[] {
  const items = parts.flatMap((part) =>
    decodeWith(list(codec, perPart), decodeCbor(part, { canonical: true }), 'STATE_MISMATCH', 'snapshot'),
  )
  if (items.length !== count) refuse('STATE_MISMATCH', `${count} items in the parts of a snapshot`, items.length)
  return items
}

function stateOf(head: Head, stored: readonly StoredAccount[], windows: readonly StoredWindow[]): State {
  const accounts = stored.map(({ committed: _, ...fields }, index) => ({ index, ...fields }))
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
    accounts,
    byId: new Map(accounts.slice(1).map((account) => [account.id, account])),
    touched: new Map(),
    forest: rebuildForest(head.treeDepth, []),
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
  plantLeaves(state, stored)
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

/** The tree as the newest header has it; what changed since is marked as touched. */
function plantLeaves(state: State, stored: readonly StoredAccount[]): void {
  const leaves: Uint8Array[] = []
  for (const [index, { id, committed }] of stored.entries()) {
    if (committed.length === 0) leaves.push(leafHash(leafOf(state, index)))
    else {
      const fields = committed[0] ?? undefined
      state.touched.set(index, fields)
      if (fields !== undefined) leaves.push(leafHash(leafFields({ index, id }, fields)))
    }
  }
  state.forest = rebuildForest(state.forest.depth, leaves)
}

function proveState(state: State): void {
  const { lastHeader, unlanded } = state
  assertConservation(state)
  if (lastHeader === null) {
    if (state.forest.leaves !== 0) refuse('STATE_MISMATCH', 'no leaf before the first header', state.forest.leaves)
    return
  }
  const root = toHash(foldRoot(state.forest))
  if (root !== lastHeader.balanceRoot) refuse('STATE_MISMATCH', `balance root ${lastHeader.balanceRoot}`, root)
  if (state.forest.leaves !== lastHeader.accounts)
    refuse('STATE_MISMATCH', `${lastHeader.accounts} accounts in the header`, state.forest.leaves)
  if (lastHeader.ledgerId !== state.ledgerId) refuse('STATE_MISMATCH', state.ledgerId, lastHeader.ledgerId)
  if (unlanded !== null && (unlanded.header.sequence !== state.sequence + 1 || unlanded.header.prev !== state.head)) {
    refuse('STATE_MISMATCH', 'an unlanded header that follows the head', unlanded.header.sequence)
  }
}
