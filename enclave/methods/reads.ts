/** What can be asked without changing anything. */

import { rootOf } from '../core/log-frontier.ts'
import { acknowledge, firstUnacknowledged, outputs as keptOutputs } from '../core/outbox.ts'
import { dueTotal } from '../core/payout.ts'
import { RECIPIENT_CHANGE_SECONDS, RECIPIENT_CHANGE_SEQUENCES, recipientAt } from '../core/recipient.ts'
import { accountOf } from '../core/register.ts'
import { balanceWei, type State } from '../core/state.ts'
import { type Instance, keysOf, nowSeconds, stateOf } from '../instance.ts'
import { CodedError, refuse } from '../protocol/errors.ts'
import { FRAME_BYTES_MAX } from '../protocol/frame.ts'
import { PROTOCOL_VERSION } from '../protocol/header.ts'
import { toHash, ZERO_ADDRESS } from '../protocol/ids.ts'
import type { LedgerStatus, MethodResults, StatusResult } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { formatVerifierKey, logOrigin, verifierKeyOf } from '../protocol/note.ts'

export function status(instance: Instance): StatusResult {
  const { keys, state, configuration, haltReason } = instance
  return {
    version: PROTOCOL_VERSION,
    phase: instance.phase,
    configured: true,
    provisioned: keys !== undefined,
    attestation_available: instance.attester !== undefined,
    frameBytesMax: FRAME_BYTES_MAX,
    ledgerId: instance.ledgerId,
    anchor: configuration.anchor,
    chainId: configuration.chainId,
    imageDigest: instance.imageDigest,
    session: instance.session.address,
    firstUnacknowledged: firstUnacknowledged(instance.outbox),
    nextRecord: instance.outbox.next,
    ...(keys === undefined ? {} : { address: keys.address }),
    ...(haltReason === undefined ? {} : { haltReason }),
    ...(state === undefined ? {} : ledgerFields(instance, state)),
  }
}

function ledgerFields(instance: Instance, state: State): Partial<StatusResult> {
  return {
    ledger: ledgerStatus(instance),
    balances: state.accounts.length - 1,
    pending: state.unlanded?.payouts.length ?? 0,
    ...auditStatus(instance),
  }
}

export function ledgerStatus(instance: Instance): LedgerStatus {
  const state = stateOf(instance)
  const { unlanded } = state
  return {
    epoch: state.epoch,
    head: state.head,
    sequence: state.sequence,
    unlanded: unlanded && {
      sequence: unlanded.header.sequence,
      headerHash: unlanded.hash,
      payouts: unlanded.payouts.length,
      signatures: instance.signatures,
    },
    accounts: state.accounts.length,
    creditedWei: state.creditedWei,
    paidWei: state.paidWei,
    reservedWei: state.reservedWei,
    logSize: state.log.size,
    logSizeCommitted: state.lastHeader?.logSize ?? 0,
    journalSize: state.journalSize,
    journalHead: toHash(state.journalHead),
    policyVersion: state.policyVersion,
    policyHash: state.policyHash,
    ...dueTotal(state, Math.max(state.at, nowSeconds(instance))),
    accountsWithoutRecipient: state.accountsWithoutRecipient,
    at: state.at,
    lastCommitAt: state.lastCommitAt,
    cadenceSeconds: state.policy.cadenceSeconds,
    clockAttested: instance.clock.attested,
    credits: state.policy.credits,
    adjustSeq: state.adjustSeq,
    drainSeq: state.drainSeq,
  }
}

/** The replaced system's five audit fields, with what stands in their place now. */
export function auditStatus(instance: Instance): MethodResults['audit_status'] {
  const state = stateOf(instance)
  const origin = logOrigin(instance.configuration.chainId, instance.configuration.anchor)
  return {
    audit_address: formatVerifierKey(verifierKeyOf(origin, keysOf(instance).logKey.publicKey)),
    audit_seq: state.log.size,
    audit_head_hash: toHash(state.lastLeafHash),
    audit_merkle_root: toHash(rootOf(state.log)),
    audit_checkpoint_head_hash: state.head,
  }
}

/** The newest checkpoint of this ledger, and of no other one [S31]. */
export function auditCheckpoint(
  instance: Instance,
  params: ParsedParams<'audit_checkpoint'>,
): MethodResults['audit_checkpoint'] {
  const { chainId, anchor } = instance.configuration
  // The original client leaves the contract out, or sends zero: then this ledger's own is meant.
  const contract = params.contract_address === ZERO_ADDRESS ? anchor : params.contract_address
  if (params.chain_id !== chainId || contract !== anchor) {
    refuse('PARAMS_INVALID', `chain_id ${chainId} and contract_address ${anchor}`, params)
  }
  if (instance.checkpoint === undefined)
    throw new CodedError('NO_CHECKPOINT', 'expected a settled commit of this boot, got none')
  return { checkpoint: instance.checkpoint }
}

export function balance(instance: Instance, params: ParsedParams<'balance'>): MethodResults['balance'] {
  const state = stateOf(instance)
  const account = accountOf(state, params.orchestrator_id)
  // The one whom a payout of now would go to, and who has to sign the next change: the log may not say so yet.
  const recipient = recipientAt(state, account, Math.max(state.at, nowSeconds(instance)))
  const pending = recipient === account.recipient ? account.pending : null
  return {
    orchestrator_id: account.id,
    recipient: recipient === ZERO_ADDRESS ? null : recipient,
    balance_wei: balanceWei(account),
    reserved_wei: account.reservedWei,
    credited_wei: account.creditedWei,
    paid_wei: account.paidWei,
    registration_seq: account.regSeq,
    pending_recipient: pending && {
      recipient: pending.recipient,
      effective_sequence: pending.sequence + RECIPIENT_CHANGE_SEQUENCES,
      effective_at: pending.at + RECIPIENT_CHANGE_SECONDS,
    },
  }
}

export function outputs(instance: Instance, params: ParsedParams<'outputs'>): MethodResults['outputs'] {
  return { records: keptOutputs(instance.outbox, params.fromRecord, params.max), nextRecord: instance.outbox.next }
}

export function ack(instance: Instance, params: ParsedParams<'ack'>): MethodResults['ack'] {
  acknowledge(instance.outbox, params.record)
  return { firstUnacknowledged: firstUnacknowledged(instance.outbox) }
}
