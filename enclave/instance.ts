/** One boot of the enclave: what it holds in memory, and how anything leaves it. */

import type { Attester } from './attester.ts'
import { assertInvariants } from './core/invariants.ts'
import { newOutbox, type Outbox, push } from './core/outbox.ts'
import type { Claim } from './core/settle.ts'
import type { SnapshotReader } from './core/snapshot-reader.ts'
import type { State } from './core/state.ts'
import type { KeyContext } from './keys/encryption-context.ts'
import type { KeyRelease } from './keys/key-release.ts'
import type { LogKey } from './keys/log-key.ts'
import type { SessionKey } from './keys/session-key.ts'
import { newSessionKey } from './keys/session-key.ts'
import { encodeCbor } from './protocol/cbor.ts'
import type { Configuration, Opening, RosterItem } from './protocol/configuration.ts'
import { configHash } from './protocol/configuration.ts'
import { assert, refuse } from './protocol/errors.ts'
import { DEVELOPMENT_IMAGE_DIGEST, EPOCH_MAX } from './protocol/header.ts'
import type { Address, Hash } from './protocol/ids.ts'
import type { ReleasedRecord } from './protocol/method-results.ts'
import type { Phase } from './protocol/methods.ts'
import { type Ledger, ledgerIdOf } from './protocol/typed-data.ts'
import type { Opener } from './seal/opener.ts'
import type { Sealer } from './seal/sealer.ts'
import type { Clock } from './shell/clock.ts'

export type Keys = {
  readonly authorityKey: Uint8Array
  readonly address: Address
  readonly stateKey: Uint8Array
  readonly logKey: LogKey
  readonly logPublicKey: Hash
}

/** What arrived of a `genesis` that takes several calls. */
export type GenesisParts = { readonly roster: RosterItem[]; readonly openings: Opening[] }

/** What arrived of a `load_state` that takes several calls. */
export type Loading = {
  readonly opener: Opener
  /** What arrived of a snapshot, while its chunks come. */
  snapshot: SnapshotReader | undefined
  state: State | undefined
  records: number
}

/** `document` is null where nothing can vouch, and the digest zero. */
export type Vouched = { readonly document: Uint8Array | null; readonly digest: Hash }

export type Surroundings = {
  readonly configuration: Configuration
  readonly kms: KeyRelease
  readonly entropy: (bytes: number) => Uint8Array
  readonly clock: Clock
  /** Absent where nothing can vouch for this boot. */
  readonly attester?: Attester
  /** Where a bug of ours is told in full: the operator's console, never a reply. */
  readonly report: (error: unknown) => void
}

export type Instance = Surroundings & {
  readonly ledgerId: Hash
  readonly ledger: Ledger
  readonly imageDigest: Hash
  readonly keyContext: KeyContext
  readonly session: SessionKey
  readonly salt: Uint8Array
  phase: Phase
  keys: Keys | undefined
  state: State | undefined
  sealer: Sealer | undefined
  outbox: Outbox
  genesisParts: GenesisParts
  loading: Loading | undefined
  /** What arrived of a `rebuild` that takes several calls. */
  rebuilding: State | undefined
  claim: Claim | undefined
  /** The document that vouches for the session, and its digest: what this boot’s one Open names, once it is recorded. */
  vouched: Vouched | undefined
  /** Transactions signed for the newest sequence or session. */
  signatures: number
  checkpoint: string | undefined
  snapshot: Snapshotting | undefined
  haltReason: string | undefined
  /** The newest input that changed the ledger, and what was answered. */
  newest: { readonly request: Uint8Array; readonly reply: Uint8Array } | undefined
}

export type Snapshotting = {
  readonly chunks: Iterator<Uint8Array>
  readonly count: number
  readonly record: number
  last: Uint8Array
  next: number
}

const SALT_BYTES = 32
const KEY_VERSION_DEVELOPMENT = 1

/** The session key is drawn before anything else happens, and is never sealed. */
export function newInstance(surroundings: Surroundings): Instance {
  const { configuration, entropy } = surroundings
  const ledger = { chainId: configuration.chainId, anchor: configuration.anchor }
  const ledgerId = ledgerIdOf(ledger)
  const keyVersion = configuration.keyRelease?.keyVersion ?? KEY_VERSION_DEVELOPMENT
  return {
    ...surroundings,
    ledgerId,
    ledger,
    imageDigest: surroundings.attester?.imageDigest ?? DEVELOPMENT_IMAGE_DIGEST,
    keyContext: { ledgerId, config: configHash(configuration), role: configuration.role, keyVersion },
    session: newSessionKey(entropy),
    salt: entropy(SALT_BYTES),
    phase: 'cold',
    keys: undefined,
    state: undefined,
    sealer: undefined,
    outbox: newOutbox(0),
    genesisParts: { roster: [], openings: [] },
    loading: undefined,
    rebuilding: undefined,
    claim: undefined,
    vouched: undefined,
    signatures: 0,
    checkpoint: undefined,
    snapshot: undefined,
    haltReason: undefined,
    newest: undefined,
  }
}

/** The keys, which every phase but cold has. */
export function keysOf(instance: Instance): Keys {
  assert(instance.keys !== undefined, 'this phase has keys')
  return instance.keys
}

/** The state, which recovering, active and halted have. */
export function stateOf(instance: Instance): State {
  assert(instance.state !== undefined, 'this phase has a state')
  return instance.state
}

/** Seals the entries of one request as one record and keeps it until the host acknowledges it. */
export function release(
  instance: Instance,
  entries: readonly Uint8Array[],
  firstIndex: number = stateOf(instance).log.size - entries.length,
): ReleasedRecord {
  const { sealer } = instance
  const state = stateOf(instance)
  assert(sealer !== undefined && entries.length > 0, 'a record has entries')
  assertInvariants(state)
  const record = sealer.nextRecord
  const sealed = seal(instance, sealer, encodeCbor({ entries, firstIndex }))
  const released = { record, sealed, firstIndex, entries }
  push(instance.outbox, released)
  return released
}

/** The entries are applied by now: without their record this state must not be signed for, so the boot ends here. */
function seal(instance: Instance, sealer: Sealer, plaintext: Uint8Array): Uint8Array {
  try {
    return sealer.sealDelta(lastHeaderHash(stateOf(instance)), plaintext)
  } catch (error) {
    halt(instance, 'a record could not be sealed')
    throw error
  }
}

export function lastHeaderHash(state: State): Hash {
  return state.unlanded?.hash ?? state.head
}

/** The epoch of this boot's session, after the one that the host claims. Refuses SEQUENCE_SPENT at the end of u48 [A16]. */
export function nextEpoch(claimedEpoch: number): number {
  if (claimedEpoch >= EPOCH_MAX) refuse('SEQUENCE_SPENT', `an epoch below ${EPOCH_MAX}`, claimedEpoch)
  return claimedEpoch + 1
}

/**
 * After a bug of ours the state may be half-changed: nothing is signed any more, and the host loads into another boot. What
 * signs for money is wiped: no later mistake finds it.
 */
export function halt(instance: Instance, reason: string): void {
  instance.phase = 'halted'
  instance.haltReason = reason
  instance.keys?.authorityKey.fill(0)
}

/** The host sets the clock: before 1970 it would give entries an `at` that no reader takes. */
export function nowSeconds(instance: Instance): number {
  return Math.max(0, instance.clock.unixSeconds())
}
