/** Loads a sealed chain and squares it with the chain's head (protocol section 5) [G1, S1]. */

import { assertConservation } from '../core/invariants.ts'
import { replay, write } from '../core/ledger.ts'
import { newOutbox } from '../core/outbox.ts'
import { type Claim, decideLoad } from '../core/settle.ts'
import { decodeSnapshot } from '../core/snapshot.ts'
import type { State } from '../core/state.ts'
import { type Instance, keysOf, type Loading, nextEpoch, nowSeconds, release } from '../instance.ts'
import { decodeCbor } from '../protocol/cbor.ts'
import { decodeWith, list, struct, uint } from '../protocol/codec.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import type { LoadResult, ReleasedRecord } from '../protocol/method-results.ts'
import { type ParsedParams, RECORDS_PER_CALL_MAX } from '../protocol/methods.ts'
import { concatBytes } from '../protocol/words.ts'
import { Opener } from '../seal/opener.ts'
import { parseHeader } from '../seal/record.ts'
import { unpackRecords } from '../seal/record-file.ts'
import { Sealer } from '../seal/sealer.ts'
import { ledgerStatus } from './reads.ts'

const ENTRIES_PER_RECORD_MAX = 65_536

/** Records in order, in as many calls as they need: one snapshot's chunks if any, then deltas; the last call carries the claim. */
export function loadState(instance: Instance, params: ParsedParams<'load_state'>): LoadResult {
  try {
    return take(instance, params)
  } catch (error) {
    // Half a chain must not be continued by the next call.
    instance.loading = undefined
    throw error
  }
}

function take(instance: Instance, params: ParsedParams<'load_state'>): LoadResult {
  const { stateKey } = keysOf(instance)
  const loading: Loading = instance.loading ?? {
    opener: new Opener(stateKey, instance.ledgerId),
    parts: [],
    state: undefined,
    records: 0,
  }
  instance.loading = loading
  for (const record of [...params.records, ...unpack(params.blob_b64)]) openRecord(loading, record)
  if (params.more) return { more: true, records: loading.records }
  if (params.claimed === undefined)
    throw new CodedError('PARAMS_INVALID', 'claimed: expected {head, epoch, bitmap} in the last call, got nothing')
  finishSnapshot(loading)
  return adopt(instance, loading, params.claimed)
}

function unpack(blob: string | undefined): readonly Uint8Array[] {
  return blob === undefined ? [] : unpackRecords(Buffer.from(blob, 'base64'), RECORDS_PER_CALL_MAX)
}

function openRecord(loading: Loading, record: Uint8Array): void {
  loading.records++
  if (parseHeader(record)?.kind === 'snapshot') {
    loading.parts.push(loading.opener.openChunk(record))
    return
  }
  finishSnapshot(loading)
  for (const entry of readDelta(loading.opener.openDelta(record), loading.state))
    loading.state = replay(loading.state, entry)
}

function finishSnapshot(loading: Loading): void {
  if (loading.parts.length === 0) return
  loading.state = decodeSnapshot(concatBytes(...loading.parts))
  loading.parts.length = 0
}

const bytes = {
  encode: (value: Uint8Array) => value,
  decode: (value: unknown) => {
    if (value instanceof Uint8Array) return value
    throw new CodedError('STATE_MISMATCH', 'expected entries as bytes in a record')
  },
}
const deltaCodec = struct({ entries: list(bytes, ENTRIES_PER_RECORD_MAX), firstIndex: uint() })

function readDelta(plaintext: Uint8Array, state: State | undefined): readonly Uint8Array[] {
  const delta = decodeWith(deltaCodec, decodeCbor(plaintext, { canonical: true }), 'STATE_MISMATCH', 'record')
  const expected = state?.log.size ?? 0
  if (delta.firstIndex !== expected) refuse('STATE_MISMATCH', `entries from ${expected} on`, delta.firstIndex)
  return delta.entries
}

function adopt(instance: Instance, loading: Loading, claim: Claim): LoadResult {
  const { state, opener } = loading
  if (state === undefined) throw new CodedError('STATE_MISMATCH', 'expected records of a ledger, got none')
  checkBelongs(instance, state)
  const end = opener.end()
  const epoch = nextEpoch(claim.epoch)
  if (epoch <= state.epoch || epoch < end.epoch)
    refuse('CLAIM_MISMATCH', `a claimed epoch of ${Math.max(state.epoch, end.epoch - 1)} or later`, claim.epoch)
  const verdict = decideLoad(state, claim)
  instance.state = state
  instance.loading = undefined
  instance.claim = claim
  instance.sealer = new Sealer({
    stateKey: keysOf(instance).stateKey,
    ledgerId: instance.ledgerId,
    epoch,
    salt: instance.salt,
    firstRecord: end.lastRecord + 1,
    prevTag: end.lastTag,
    entropy: instance.entropy,
  })
  instance.outbox = newOutbox(end.lastRecord + 1)
  instance.phase = 'recovering'
  const released: ReleasedRecord[] = []
  if (verdict.kind !== 'as-is') released.push(release(instance, [writeVerdict(instance, state, verdict)]))
  return loaded(instance, state, released)
}

function writeVerdict(
  instance: Instance,
  state: State,
  verdict: Exclude<ReturnType<typeof decideLoad>, { kind: 'as-is' }>,
): Uint8Array {
  if (verdict.kind === 'void') return write(state, 'void', verdict.body, nowSeconds(instance))
  return write(state, 'settle', verdict.body, nowSeconds(instance))
}

function loaded(instance: Instance, state: State, released: readonly ReleasedRecord[]): LoadResult {
  const ledger = ledgerStatus(instance)
  return {
    more: false,
    ok: true,
    ledger,
    released,
    balances: state.accounts.length - 1,
    pending: ledger.unlanded?.payouts ?? 0,
    ledger_root: ledger.head,
  }
}

/** The state is this enclave's: same configuration, authority and log key [G2, G5], and genesis is whole [G6]. */
function checkBelongs(instance: Instance, state: State): void {
  const keys = keysOf(instance)
  const { configuration, keyContext } = instance
  if (state.ledgerId !== instance.ledgerId) refuse('STATE_MISMATCH', instance.ledgerId, state.ledgerId)
  if (state.config !== keyContext.config) refuse('STATE_MISMATCH', `config ${keyContext.config}`, state.config)
  if (state.configuration.genesisHash !== configuration.genesisHash)
    refuse('STATE_MISMATCH', configuration.genesisHash, state.configuration.genesisHash)
  if (state.authority !== keys.address) refuse('STATE_MISMATCH', `authority ${keys.address}`, state.authority)
  if (state.logKey !== keys.logPublicKey) refuse('STATE_MISMATCH', `log key ${keys.logPublicKey}`, state.logKey)
  if (state.imageDigest !== instance.imageDigest)
    refuse('STATE_MISMATCH', `image ${instance.imageDigest}`, state.imageDigest)
  const { roster, openings } = state.genesisLeft
  if (roster > 0 || openings > 0)
    refuse('STATE_MISMATCH', 'a whole genesis', { rosterLeft: roster, openingsLeft: openings })
  assertConservation(state)
}
