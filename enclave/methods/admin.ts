/** What only a quorum of admins may do (protocol section 6). */
import { type Approved, decideAdjust, decideDrain, decidePolicy, decideReset } from '../core/admin.ts'
import { write } from '../core/ledger.ts'
import { checkRoom } from '../core/outbox.ts'
import { accountOf } from '../core/register.ts'
import { balanceWei } from '../core/state.ts'
import { type Instance, nowSeconds, release, stateOf } from '../instance.ts'
import { signerOf } from '../keys/signers.ts'
import { adjustStruct, drainStruct, journalResetStruct, policyChangeStruct } from '../protocol/credit.ts'
import type { Body, EntryType } from '../protocol/entry.ts'
import { toHash, toHex } from '../protocol/ids.ts'
import type { MethodResults, ReleasedRecord } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'
import { parsePolicy, policyHash } from '../protocol/policy.ts'

/** In `recovering` too: a policy that stands in the way of a commit can be replaced before the session opens. */
export function setPolicy(instance: Instance, params: ParsedParams<'set_policy'>): MethodResults['set_policy'] {
  const policy = parsePolicy(params.policy)
  const { version, prevPolicyHash, notAfter, signatures } = params
  const change = { ledgerId: instance.ledgerId, version, prevPolicyHash, policyHash: policyHash(policy), notAfter }
  const approved = approve(instance, policyChangeStruct(change), signatures)
  const body = decidePolicy(stateOf(instance), policy, change, approved)
  const record = releaseOne(instance, 'policy', body)
  return { policyVersion: body.version, policyHash: body.policyHash, records: [record] }
}

export function adjust(instance: Instance, { signatures, ...fields }: ParsedParams<'adjust'>): MethodResults['adjust'] {
  const state = stateOf(instance)
  const message = { ledgerId: instance.ledgerId, ...fields }
  const body = decideAdjust(state, message, approve(instance, adjustStruct(message), signatures))
  const record = releaseOne(instance, 'adjust', body)
  const account = accountOf(state, fields.orchestratorId)
  return { account: account.index, balanceWei: balanceWei(account), adjustSeq: fields.adjustSeq, records: [record] }
}

export function drain(instance: Instance, { signatures, ...fields }: ParsedParams<'drain'>): MethodResults['drain'] {
  const message = { ledgerId: instance.ledgerId, ...fields }
  const body = decideDrain(stateOf(instance), message, approve(instance, drainStruct(message), signatures))
  return { drainSeq: fields.drainSeq, records: [releaseOne(instance, 'adjust', body)] }
}

export function journalReset(
  instance: Instance,
  { signatures, ...fields }: ParsedParams<'journal_reset'>,
): MethodResults['journal_reset'] {
  const state = stateOf(instance)
  const message = { ledgerId: instance.ledgerId, ...fields }
  const body = decideReset(state, message, approve(instance, journalResetStruct(message), signatures))
  const record = releaseOne(instance, 'reset', body)
  return { journalSize: state.journalSize, journalHead: toHash(state.journalHead), records: [record] }
}

function approve(instance: Instance, struct: Uint8Array, signatures: readonly Uint8Array[]): Approved {
  return {
    signers: signatures.map((signature) => signerOf(instance.ledger, struct, signature)),
    signatures: signatures.map(toHex),
    at: Math.max(stateOf(instance).at, nowSeconds(instance)),
  }
}

function releaseOne<T extends EntryType>(instance: Instance, type: T, body: Body<T>): ReleasedRecord {
  checkRoom(instance.outbox)
  return release(instance, [write(stateOf(instance), type, body, nowSeconds(instance))])
}
