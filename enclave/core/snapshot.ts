/**
 * A state as bytes, for sealing: a head part, then accounts in parts, then what was paid to recipients lately, each part
 * behind its length in four bytes. Nothing in it is trusted for being there: every root and total is computed again when it
 * is read (protocol section 5).
 */
import { encodeCbor } from '../protocol/cbor.ts'
import { PROTOCOL_VERSION } from '../protocol/header.ts'
import { toHash } from '../protocol/ids.ts'
import { concatBytes } from '../protocol/words.ts'
import { ACCOUNTS_PER_PART, encodeAccounts } from './snapshot-accounts.ts'
import {
  type Head,
  headCodec,
  LENGTH_BYTES,
  paidToCodec,
  SNAPSHOT_FORM,
  type StoredWindow,
  WINDOWS_PER_PART,
} from './snapshot-format.ts'
import { SnapshotReader } from './snapshot-reader.ts'
import type { State } from './state.ts'

/** The whole state. Legal between requests only. */
export function encodeSnapshot(state: State): Uint8Array {
  const parts = [encodeCbor(headCodec.encode(headOf(state)))]
  for (let from = 0; from < state.accounts.length; from += ACCOUNTS_PER_PART) parts.push(encodeAccounts(state, from))
  const windows = [...state.paidTo].map(([recipient, window]) => ({ recipient, window }))
  for (let from = 0; from < windows.length; from += WINDOWS_PER_PART)
    parts.push(encodeWindows(windows.slice(from, from + WINDOWS_PER_PART)))
  return concatBytes(...parts.flatMap((part) => [lengthOf(part), part]))
}

/** Reads a snapshot and proves it against its own newest header. Refuses as SnapshotReader does. */
export function decodeSnapshot(bytes: Uint8Array): State {
  const reader = new SnapshotReader()
  reader.push(bytes)
  return reader.end()
}

function encodeWindows(windows: readonly StoredWindow[]): Uint8Array {
  return encodeCbor(windows.map(paidToCodec.encode))
}

function lengthOf(part: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, part.length)
  return length
}

function headOf(state: State): Head {
  const { unlanded } = state
  return {
    version: PROTOCOL_VERSION,
    form: SNAPSHOT_FORM,
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
