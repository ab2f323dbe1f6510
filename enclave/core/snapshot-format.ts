/** The parts of a snapshot that are CBOR: its head, and what was paid to recipients lately. See snapshot.ts. */
import { DEPTH_MAX } from '../protocol/balance-tree.ts'
import { address, amountWei, type Decoded, hash, list, nullable, struct, uint } from '../protocol/codec.ts'
import { placeCodec } from '../protocol/configuration.ts'
import { bodies, headerCodec } from '../protocol/entry.ts'
import { policyCodec } from '../protocol/policy.ts'

/** 2 since accounts are rows of bytes; there is no reader for what was before. */
export const SNAPSHOT_FORM = 2
/** In front of each part. */
export const LENGTH_BYTES = 4
export const WINDOWS_PER_PART = 100
const FRONTIER_HASHES_MAX = 64
/** A window that outlived policies of other widths keeps more parts than WINDOW_PARTS, never so many. */
const WINDOW_ITEMS_MAX = 100_000
/** Reporters come and go by policy alone. */
const REPORTERS_EVER_MAX = 1_000_000

const windowCodec = list(struct({ fromSeconds: uint(), lastSeconds: uint(), wei: amountWei }), WINDOW_ITEMS_MAX)
const creditUse = { creditedWei: amountWei, window: windowCodec }

export const headCodec = struct({
  version: uint(),
  form: uint(),
  configuration: placeCodec,
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
  adjustSeq: uint(),
  drainSeq: uint(),
  reporters: list(struct({ reporter: address, nextSeq: uint(), ...creditUse }), REPORTERS_EVER_MAX),
  journalUse: struct(creditUse),
  /** Recipients in the parts after the accounts. */
  paidTo: uint(),
  paidToAll: windowCodec,
})

export const paidToCodec = struct({ recipient: address, window: windowCodec })

export type Head = Decoded<typeof headCodec>
export type StoredWindow = Decoded<typeof paidToCodec>
