/** `anchorhold rotate`: the running enclave signs its ledger over, halts, and the next keys take over when that has landed. */
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError, isCoded, refuse } from '../../enclave/protocol/errors.ts'
import { type Address, type Hex, toAddress, toHex } from '../../enclave/protocol/ids.ts'
import type { MethodResults } from '../../enclave/protocol/method-results.ts'
import { parseVerifierKey } from '../../enclave/protocol/note.ts'
import type { AnchorFacts } from '../../host/chain.ts'
import type { Context } from '../../host/context.ts'
import { feesOf, GAS_OPEN, maxFeeWei } from '../../host/fees.ts'
import {
  type Approval,
  beginRotation,
  endRotation,
  type OwnKeys,
  readOwnKeys,
  readRotation,
} from '../../host/rotation.ts'
import { type Act, readAct } from './acts/file.ts'
import { quorumOf } from './acts/submit.ts'
import { type Answer, EXIT_FAILED, type Terminal } from './answer.ts'
import type { Typed } from './command.ts'
import { recordCommand } from './context.ts'
import { guardianCall } from './guardian.ts'
import { readAnchor } from './transactions.ts'

const LANDING_MS_MAX = 300_000
const POLL_MS = 500
const FORMAT = 'anchorhold-rotate/1'

/** Refuses ACT_INVALID, COMMIT_UNLANDED, NO_HEADER, ROTATION_INVALID, RPC_TIMEOUT when the call does not land. */
export async function rotateAnswer(
  context: Context,
  file: string,
  words: Typed,
  { typedIn }: Terminal,
): Promise<Answer> {
  if (words['giveUp'] !== undefined) return giveUp(context)
  if (file === '') refuse('ACT_INVALID', 'the file of a signed rotate-approval, or --give-up', 'neither')
  const act = await readAct(resolve(typedIn, file))
  const newAuthority = approvedAuthority(act)
  const facts = await context.chain.facts(newAuthority)
  if (facts.authority === newAuthority) return keepApproval(context, act, facts)
  const next = await requireNext(context, act, newAuthority)
  if (next.logKey !== undefined && facts.sequence === 0)
    throw new CodedError('NO_HEADER', 'expected a commit on chain: the next enclave rebuilds the ledger from its log')
  const approved = await readAnchor(context.config, 'approvedAuthority')
  if (approved !== newAuthority) return guardianFirst(context, newAuthority)
  await recordCommand(context, 'rotate', { newAuthority, digest: act.digest })
  const signed = await signAway(context, approvalOf(context, act))
  await land(context, signed, newAuthority)
  const text = `the ledger is ${newAuthority}'s since epoch ${signed.epoch}; the supervisor goes on under its keys`
  return { format: FORMAT, value: { done: true, newAuthority, epoch: signed.epoch, hash: signed.hash }, text }
}

function approvedAuthority({ file }: Act): Address {
  if (file.act !== 'rotate-approval') refuse('ACT_INVALID', 'a rotate-approval', file.act)
  const named = String(file.fields['newAuthority'])
  return toAddress(named) ?? refuse('ACT_INVALID', 'a new authority', named)
}

/** Fields that the act's own schema has read, with exactly a quorum of its signatures. */
function approvalOf({ policy }: Context, { file }: Act): Approval {
  return { ...(file.fields as unknown as Omit<Approval, 'signatures'>), signatures: quorumOf(file, policy) }
}

/** The keys that were approved are those that wait here. Only the enclave that gets them can judge config and image. */
async function requireNext({ config, enclave }: Context, { file }: Act, named: Address): Promise<OwnKeys> {
  const next = await readOwnKeys(config.paths.nextKeyFile)
  if (next?.authority !== named)
    refuse('ACT_INVALID', `keys of ${named} in ${config.paths.nextKeyFile}`, next?.authority ?? 'none')
  const { audit_address } = await enclave.call('status', {})
  const logKey = next.logKey ?? (audit_address && toHex(parseVerifierKey(audit_address).publicKey))
  if (logKey !== undefined && file.fields['logKey'] !== logKey)
    refuse('ACT_INVALID', `the log key ${logKey} of these keys`, file.fields['logKey'])
  return next
}

/**
 * The anchor names the new authority already, by the guardian or by a rotation whose approval its enclave refused: the
 * next boot gets this one.
 */
async function keepApproval(context: Context, act: Act, { authority, epoch }: AnchorFacts): Promise<Answer> {
  const { config, now } = context
  if (act.file.fields['epoch'] !== epoch)
    refuse('ACT_INVALID', `an approval of epoch ${epoch}`, act.file.fields['epoch'])
  await recordCommand(context, 'rotate', { newAuthority: authority, digest: act.digest })
  await beginRotation(config.paths, { atMs: now(), approval: approvalOf(context, act) })
  const text = `the anchor names ${authority} already; the approval waits for its next boot`
  return { format: FORMAT, value: { done: true, newAuthority: authority, epoch }, text }
}

function guardianFirst({ config }: Context, newAuthority: Address): Answer {
  const call = { to: config.anchor, data: guardianCall('approve', newAuthority), value: '0' }
  const text = `nothing was signed: the guardian has to approve first\nto ${call.to}\ndata ${call.data}\nor: anchorhold guardian approve ${newAuthority}`
  return { format: FORMAT, value: { done: false, newAuthority, call }, text, exitCode: EXIT_FAILED }
}

type Signed = MethodResults['rotate']

/** 1 the note that holds back every boot and keeps the approval, 2 the signature, 3 outbox. A refusal takes the note back. */
async function signAway(context: Context, approval: Approval): Promise<Signed> {
  const { enclave, chain, config, policy, outbox, now } = context
  const { address } = await enclave.call('status', {})
  if (address === undefined) throw new CodedError('PHASE_FORBIDS', 'expected an enclave with keys')
  const { baseFeeWei, accountNonce } = await chain.facts(address)
  const feeWei = maxFeeWei(baseFeeWei, config.feeBps, policy.gasPriceWeiMax)
  const gas = Math.min(GAS_OPEN, policy.gasMax)
  const before = await readRotation(config.paths)
  await beginRotation(config.paths, { atMs: now(), approval })
  try {
    const signed = await enclave.call('rotate', { ...approval, fees: feesOf(gas, feeWei), accountNonce })
    const id = { epoch: signed.epoch, sequence: null }
    const [raw, call] = [toHex(signed.rawTransaction), toHex(signed.call)]
    const { hash, head } = signed
    const atMs = now()
    await outbox.append(id, {
      kind: 'attempt',
      hash,
      raw,
      call,
      accountNonce,
      gas,
      maxFeeWei: feeWei,
      atMs,
      header: head,
      logSize: null,
      payouts: [],
    })
    await outbox.append(id, { kind: 'ready', hash, atMs })
    return signed
  } catch (error) {
    // An answer that was lost may be a signature: then the note stays, also when the next try is refused.
    const mayBeSigned = before?.approval.epoch === approval.epoch || isCoded(error, 'ENCLAVE_GONE')
    if (isCoded(error) && !mayBeSigned) await endRotation(config.paths)
    throw error
  }
}

async function land({ chain, config, now }: Context, { rawTransaction }: Signed, newAuthority: Address): Promise<void> {
  const raw: Hex = toHex(rawTransaction)
  const untilMs = now() + LANDING_MS_MAX
  let sentAtMs = 0
  while (now() < untilMs) {
    if ((await chain.facts(newAuthority)).authority === newAuthority) return
    if (now() >= sentAtMs + config.resendMs) {
      await chain.send(raw)
      sentAtMs = now()
    }
    await sleep(POLL_MS)
  }
  throw new CodedError(
    'RPC_TIMEOUT',
    'expected the rotation to land; it is in the outbox: anchorhold relay, or anchorhold rotate --give-up',
  )
}

async function giveUp(context: Context): Promise<Answer> {
  await recordCommand(context, 'rotate', { giveUp: true })
  await endRotation(context.config.paths)
  const text =
    'the old keys go on; have the guardian take the approval back: anchorhold guardian approve 0x0000000000000000000000000000000000000000'
  return { format: FORMAT, value: { done: false, givenUp: true }, text }
}
