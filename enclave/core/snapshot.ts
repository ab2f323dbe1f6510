/**
 * A state as bytes, for sealing: a head part, then accounts in parts. Nothing in it is trusted for being there: every
 * root and total is computed again when it is read (protocol section 5).
 */
import { DEPTH_MAX, leafHash } from '../protocol/balance-tree.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import {
  address,
  amountWei,
  type Decoded,
  decodeWith,
  hash,
  list,
  nullable,
  struct,
  text,
  uint,
} from '../protocol/codec.ts'
import { configurationCodec } from '../protocol/configuration.ts'
import { bodies, headerCodec } from '../protocol/entry.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { headerHash, PROTOCOL_VERSION } from '../protocol/header.ts'
import { fromHex, ORCHESTRATOR_ID_BYTES_MAX, toHash, ZERO_ADDRESS } from '../protocol/ids.ts'
import { policyCodec } from '../protocol/policy.ts'
import { concatBytes } from '../protocol/words.ts'
import { foldRoot, rebuildForest } from './balance-forest.ts'
import { leafOf } from './header-of.ts'
import { assertConservation } from './invariants.ts'
import { frontierOf } from './log-frontier.ts'
import type { Account, State } from './state.ts'

const ACCOUNTS_PER_PART = 1_000
const FRONTIER_HASHES_MAX = 64
const LENGTH_BYTES = 4

const accountCodec = struct({
  id: text(ORCHESTRATOR_ID_BYTES_MAX),
  recipient: address,
  creditedWei: amountWei,
  paidWei: amountWei,
  reservedWei: amountWei,
  lastSeq: uint(),
  failures: uint(),
  retrySequence: uint(),
  /** The leaf in the newest header where it differs from these fields: null for one that the header does not hold. */
  committed: list(nullable(hash), 1),
})

const headCodec = struct({
  version: uint(),
  configuration: configurationCodec,
  ledgerId: hash,
  imageDigest: hash,
  authority: address,
  logKey: hash,
  config: hash,
  policy: policyCodec,
  policyHash: hash,
  policyVersion: uint(),
  accounts: uint(),
  treeDepth: uint(DEPTH_MAX),
  logSize: uint(),
  logFrontier: list(hash, FRONTIER_HASHES_MAX),
  lastLeafHash: hash,
  at: uint(),
  epoch: uint(),
  head: hash,
  sequence: uint(),
  lastHeader: nullable(headerCodec),
  landed: list(struct({ payouts: bodies.reserve }), 1),
  lastCommitAt: uint(),
  journalSize: uint(),
  journalHead: hash,
  nextPayoutId: uint(),
  servedIndex: uint(),
  genesisRosterLeft: uint(),
  genesisOpeningsLeft: uint(),
})

type Head = Decoded<typeof headCodec>

/** The whole state. Legal between requests only. */
export function encodeSnapshot(state: State): Uint8Array {
  const parts = [encodeCbor(headCodec.encode(headOf(state)))]
  for (let from = 0; from < state.accounts.length; from += ACCOUNTS_PER_PART) {
    const accounts = state.accounts.slice(from, from + ACCOUNTS_PER_PART)
    parts.push(encodeCbor(accounts.map((account) => accountCodec.encode(withCommitted(state, account)))))
  }
  return concatBytes(...parts.flatMap((part) => [lengthOf(part), part]))
}

function lengthOf(part: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, part.length)
  return length
}

function withCommitted(state: State, account: Account): Decoded<typeof accountCodec> {
  const { index: _, ...fields } = account
  if (!state.touched.has(account.index)) return { ...fields, committed: [] }
  const leaf = state.touched.get(account.index)
  return { ...fields, committed: [leaf === undefined ? null : toHash(leaf)] }
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
  }
}

/** Reads a snapshot and proves it against its own newest header. Refuses STATE_MISMATCH, VERSION_NEWER. */
export function decodeSnapshot(bytes: Uint8Array): State {
  const parts = splitParts(bytes)
  const first = decodeCbor(parts[0] ?? new Uint8Array(0), { canonical: true })
  const version = (first as { version?: unknown }).version
  if (typeof version === 'number' && version > PROTOCOL_VERSION)
    refuse('VERSION_NEWER', `generation ${PROTOCOL_VERSION} or older`, version)
  const head = decodeWith(headCodec, first, 'STATE_MISMATCH', 'snapshot')
  const accounts = parts.slice(1).flatMap((part) => decodeAccounts(part))
  if (accounts.length !== head.accounts) refuse('STATE_MISMATCH', `${head.accounts} accounts`, accounts.length)
  const state = stateOf(head, accounts)
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

type StoredAccount = Decoded<typeof accountCodec>

function decodeAccounts(part: Uint8Array): readonly StoredAccount[] {
  return decodeWith(
    list(accountCodec, ACCOUNTS_PER_PART),
    decodeCbor(part, { canonical: true }),
    'STATE_MISMATCH',
    'accounts',
  )
}

function stateOf(head: Head, stored: readonly StoredAccount[]): State {
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
  }
  plantLeaves(state, stored)
  return state
}

/** The tree as the newest header has it; what changed since is marked as touched. */
function plantLeaves(state: State, stored: readonly StoredAccount[]): void {
  const leaves: Uint8Array[] = []
  for (const [index, { committed }] of stored.entries()) {
    const [leaf] = committed
    if (committed.length === 0) leaves.push(leafHash(leafOf(state, index)))
    else if (leaf !== null && leaf !== undefined) leaves.push(fromHex(leaf))
    if (committed.length > 0) state.touched.set(index, leaf === null || leaf === undefined ? undefined : fromHex(leaf))
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
