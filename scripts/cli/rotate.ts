/** `anchorhold rotate`: the running enclave signs its ledger over, halts, and the next keys take over when that has landed. */
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError, isCoded, refuse } from '../../enclave/protocol/errors.ts'
import { type Address, type Hex, toHex } from '../../enclave/protocol/ids.ts'
import type { MethodResults } from '../../enclave/protocol/method-results.ts'
import type { Params } from '../../enclave/protocol/methods.ts'
import type { Context } from '../../host/context.ts'
import { feesOf, GAS_OPEN, maxFeeWei } from '../../host/fees.ts'
import { beginRotation, endRotation, nextAuthority } from '../../host/rotation.ts'
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

/** Refuses ACT_INVALID, COMMIT_UNLANDED, ROTATION_INVALID, RPC_TIMEOUT when the call does not land. */
export async function rotateAnswer(
  context: Context,
  file: string,
  words: Typed,
  { typedIn }: Terminal,
): Promise<Answer> {
  if (words['giveUp'] !== undefined) return giveUp(context)
  const act = await readAct(resolve(typedIn, file))
  const newAuthority = await requireNext(context, act)
  const approved = await readAnchor(context.config, 'approvedAuthority')
  if (approved !== newAuthority) return guardianFirst(context, newAuthority)
  await recordCommand(context, 'rotate', { newAuthority, digest: act.digest })
  const signed = await signAway(context, act, newAuthority)
  await land(context, signed, newAuthority)
  const text = `the ledger is ${newAuthority}'s since epoch ${signed.epoch}; the supervisor goes on under its keys`
  return { format: FORMAT, value: { done: true, newAuthority, epoch: signed.epoch, hash: signed.hash }, text }
}

/** The keys that were approved are those that wait here. */
async function requireNext({ config }: Context, { file }: Act): Promise<Address> {
  if (file.act !== 'rotate-approval') refuse('ACT_INVALID', 'a rotate-approval', file.act)
  const next = await nextAuthority(config.paths)
  const named = String(file.fields['newAuthority']).toLowerCase()
  if (next === undefined || next !== named)
    refuse('ACT_INVALID', `keys of ${named} in ${config.paths.nextKeyFile}`, next ?? 'none')
  return next
}

function guardianFirst({ config }: Context, newAuthority: Address): Answer {
  const call = { to: config.anchor, data: guardianCall('approve', newAuthority), value: '0' }
  const text = `nothing was signed: the guardian has to approve first\nto ${call.to}\ndata ${call.data}\nor: anchorhold guardian approve ${newAuthority}`
  return { format: FORMAT, value: { done: false, newAuthority, call }, text, exitCode: EXIT_FAILED }
}

type Signed = MethodResults['rotate']

/** 1 the note that holds back every boot, 2 the signature, 3 outbox. A refusal takes the note back. */
async function signAway(context: Context, { file }: Act, newAuthority: Address): Promise<Signed> {
  const { enclave, chain, config, policy, outbox, now } = context
  const { address } = await enclave.call('status', {})
  if (address === undefined) throw new CodedError('PHASE_FORBIDS', 'expected an enclave with keys')
  const { baseFeeWei, accountNonce } = await chain.facts(address)
  const feeWei = maxFeeWei(baseFeeWei, config.feeBps, policy.gasPriceWeiMax)
  const gas = Math.min(GAS_OPEN, policy.gasMax)
  await beginRotation(config.paths, newAuthority, now())
  try {
    const approval = file.fields as unknown as Omit<Params<'rotate'>, 'signatures' | 'fees' | 'accountNonce'>
    const signatures = quorumOf(file, policy)
    const signed = await enclave.call('rotate', { ...approval, signatures, fees: feesOf(gas, feeWei), accountNonce })
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
    // An answer that was lost may be a signature: then the note stays.
    if (isCoded(error) && error.code !== 'ENCLAVE_GONE') await endRotation(config.paths)
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
