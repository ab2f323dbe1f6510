/** A state that a host brought becomes this boot's own, squared with the chain's head (protocol section 5) [G1, G2, G5]. */
import { assertConservation } from '../core/invariants.ts'
import { write } from '../core/ledger.ts'
import { newOutbox } from '../core/outbox.ts'
import { decideTakeover } from '../core/rotation.ts'
import { type Claim, decideLoad } from '../core/settle.ts'
import type { State } from '../core/state.ts'
import { type Instance, keysOf, nextEpoch, nowSeconds, release } from '../instance.ts'
import { refuse } from '../protocol/errors.ts'
import type { LoadResult } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { Sealer } from '../seal/sealer.ts'
import { signCheckpoint } from './checkpoint.ts'
import { ledgerStatus } from './reads.ts'
import { approvedRotation } from './rotate.ts'

/** Where the sealed chain goes on. */
export type ChainEnd = {
  readonly firstRecord: number
  readonly prevTag: Uint8Array
  /** No record of the chain has a later epoch. */
  readonly epoch: number
}

export type Adoption = {
  readonly claim: Claim
  readonly end: ChainEnd
  readonly approval: ParsedParams<'load_state'>['approval']
  /** Entries that were written for this adoption already, and belong into its record. */
  readonly entries: readonly Uint8Array[]
}

/**
 * Judges everything before it changes anything; afterwards the phase is recovering. Refuses STATE_MISMATCH,
 * CLAIM_MISMATCH, ROTATION_INVALID, QUORUM_INVALID, SIGNATURE_EXPIRED.
 */
export function adopt(instance: Instance, state: State, { claim, end, approval, entries }: Adoption): LoadResult {
  checkBelongs(instance, state)
  const epoch = nextEpoch(claim.epoch)
  if (epoch <= state.epoch || epoch < end.epoch)
    refuse('CLAIM_MISMATCH', `a claimed epoch of ${Math.max(state.epoch, end.epoch - 1)} or later`, claim.epoch)
  const verdict = decideLoad(state, claim)
  const settled = verdict.kind === 'settle' ? state.unlanded : null
  const now = nowSeconds(instance)
  const rotation = approval === undefined ? null : approvedRotation(instance, approval)
  const takeover = decideTakeover(state, identityOf(instance), claim.epoch, rotation, Math.max(state.at, now))
  const written = [...entries]
  if (verdict.kind === 'void') written.push(write(state, 'void', verdict.body, now))
  if (verdict.kind === 'settle') written.push(write(state, 'settle', verdict.body, now))
  if (takeover !== null) written.push(write(state, 'rotate', takeover, now))
  begin(instance, state, claim, end)
  if (settled !== null) instance.checkpoint = signCheckpoint(instance, settled.header)
  return loaded(instance, state, written.length === 0 ? [] : [release(instance, written)])
}

function begin(instance: Instance, state: State, claim: Claim, { firstRecord, prevTag }: ChainEnd): void {
  instance.state = state
  // Whatever half arrived by the other way would only fill the memory from here on.
  instance.loading = undefined
  instance.rebuilding = undefined
  instance.claim = claim
  instance.sealer = new Sealer({
    stateKey: keysOf(instance).stateKey,
    ledgerId: instance.ledgerId,
    epoch: nextEpoch(claim.epoch),
    salt: instance.salt,
    firstRecord,
    prevTag,
    entropy: instance.entropy,
  })
  instance.outbox = newOutbox(firstRecord)
  instance.phase = 'recovering'
}

function identityOf(instance: Instance): Parameters<typeof decideTakeover>[1] {
  const { address, logPublicKey } = keysOf(instance)
  const { config } = instance.keyContext
  return { authority: address, logKey: logPublicKey, config, imageDigest: instance.imageDigest }
}

/** The ledger is this enclave's, on its chain, behind its anchor and broker, and its genesis is whole [G6]. */
function checkBelongs({ ledgerId, configuration }: Instance, state: State): void {
  if (state.ledgerId !== ledgerId) refuse('STATE_MISMATCH', ledgerId, state.ledgerId)
  for (const field of ['broker', 'guardian'] as const)
    if (state.configuration[field] !== configuration[field])
      refuse('STATE_MISMATCH', `${field} ${configuration[field]}`, state.configuration[field])
  const { roster, openings } = state.genesisLeft
  if (roster > 0 || openings > 0)
    refuse('STATE_MISMATCH', 'a whole genesis', { rosterLeft: roster, openingsLeft: openings })
  assertConservation(state)
}

function loaded(
  instance: Instance,
  state: State,
  released: Extract<LoadResult, { more: false }>['released'],
): LoadResult {
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
