/** The parts of a snapshot: a head, accounts, and what was paid to recipients lately. See snapshot.ts. */
import { DEPTH_MAX } from '../protocol/balance-tree.ts'
import { address, amountWei, type Decoded, hash, list, nullable, struct, text, uint } from '../protocol/codec.ts'
import { placeCodec } from '../protocol/configuration.ts'
import { bodies, headerCodec } from '../protocol/entry.ts'
import { ORCHESTRATOR_ID_BYTES_MAX } from '../protocol/ids.ts'
import { policyCodec } from '../protocol/policy.ts'

export const ACCOUNTS_PER_PART = 1_000
export const WINDOWS_PER_PART = 100
const FRONTIER_HASHES_MAX = 64
/** A window that outlived policies of other widths keeps more parts than WINDOW_PARTS, never so many. */
const WINDOW_ITEMS_MAX = 100_000
/** Reporters come and go by policy alone. */
const REPORTERS_EVER_MAX = 1_000_000

export const accountCodec = struct({
  id: text(ORCHESTRATOR_ID_BYTES_MAX),
  recipient: address,
  creditedWei: amountWei,
  paidWei: amountWei,
  reservedWei: amountWei,
  lastSeq: uint(),
  failures: uint(),
  retrySequence: uint(),
  regSeq: uint(),
  pending: nullable(struct({ recipient: address, sequence: uint(), at: uint() })),
  /** As the newest header has it, where these fields differ: null for one that the header does not hold. */
  committed: list(
    nullable(
      struct({
        recipient: address,
        creditedWei: amountWei,
        paidWei: amountWei,
        reservedWei: amountWei,
        lastSeq: uint(),
      }),
    ),
    1,
  ),
})

const windowCodec = list(struct({ fromSeconds: uint(), lastSeconds: uint(), wei: amountWei }), WINDOW_ITEMS_MAX)
const creditUse = { creditedWei: amountWei, window: windowCodec }

export const headCodec = struct({
  version: uint(),
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
export type StoredAccount = Decoded<typeof accountCodec>
export type StoredWindow = Decoded<typeof paidToCodec>
