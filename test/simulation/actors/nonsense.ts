/** Calls that no enclave may take in whatever state it is, however well they are signed. Dice of their own: a refusal changes nothing. */

import { SIGNATURE_BYTES } from '../../../enclave/keys/secp256k1.ts'
import {
  adjustStruct,
  creditStruct,
  drainStruct,
  policyChangeStruct,
  rotateApprovalStruct,
} from '../../../enclave/protocol/credit.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { METHODS, RETIRED } from '../../../enclave/protocol/methods.ts'
import { AMOUNT_WEI_LIMIT, wei } from '../../../enclave/protocol/money.ts'
import { type Policy, policyCodec, policyHash } from '../../../enclave/protocol/policy.ts'
import { ask } from '../boot.ts'
import { type Governance, quorumOf, signStruct } from '../governance.ts'
import type { Random } from '../random.ts'
import type { Boot, World } from '../scene.ts'
import { claim } from '../violation.ts'

/** What is asked, or undefined where this world or this enclave has nobody who could ask it. */
type Nonsense = (world: World, boot: Boot, dice: Random) => readonly [method: string, params: object] | undefined

const TRIED_PERMILLE = 200
const FAR = 2 ** 40
const FEES = { gas: 8_000_000, maxFeePerGasWei: '20000000', maxPriorityFeePerGasWei: '0' }
const TOO_MUCH_GAS = { ...FEES, gas: FAR }
const ROUND = { number: 1, hash: `0x${'11'.repeat(32)}` }
const RETIRED_NAMES = Object.keys(RETIRED)

const NONSENSE: readonly Nonsense[] = [
  () => ['open_session', { accountNonce: 0, fees: TOO_MUCH_GAS }],
  () => ['resign_commit', { skip: [], round: ROUND, fees: TOO_MUCH_GAS, accountNonce: 0 }],
  () => ['resign_commit', { skip: [127], round: ROUND, fees: FEES, accountNonce: 0 }],
  () => ['prepare_commit', { mode: 'bare', budgetWei: '0', round: null, fees: TOO_MUCH_GAS, accountNonce: 0 }],
  () => ['confirm_payout', { tx_hash: ZERO_HASH, status: true }],
  (_, { instance }) => ['confirm_payout', { sequence: (instance.state?.sequence ?? 0) + 2, bitmap: null }],
  (_, { instance }) => ['session_landed', { epoch: (instance.claim?.epoch ?? 0) + 2 }],
  () => ['outputs', { fromRecord: FAR }],
  () => ['ack', { record: FAR }],
  () => ['export_snapshot', { chunk: FAR }],
  () => ['balance', { orchestrator_id: '' }],
  () => ['audit_checkpoint', { chain_id: FAR }],
  () => ['load_state', { records: [], claimed: { head: ZERO_HASH, epoch: 0, bitmap: null } }],
  () => ['rebuild', { entries: [], claimed: { head: ZERO_HASH, epoch: 0, bitmap: null } }],
  ({ keys }) => ['provision', { ...keys.ciphertexts(0), expected_address: `0x${'11'.repeat(20)}` }],
  otherConfiguration,
  otherGenesis,
  noRound,
  noSignature,
  outOfPhase,
  (_, __, dice) => [dice.pick(RETIRED_NAMES), {}],
  () => ['sign', {}],
  unknownReporter,
  byQuorum(adjustBy(0n)),
  byQuorum(adjustBy(AMOUNT_WEI_LIMIT)),
  byQuorum(drainNothing),
  // A journal that was closed is never opened again [G17].
  byQuorum(policyOf((policy) => (policy.credits === 'signed' ? { ...policy, credits: 'host-trusted' } : undefined))),
  byQuorum(policyOf((policy) => ({ ...policy, anchor: policy.treasuryOwner }))),
  byQuorum(policyOf((policy) => ({ ...policy, payoutWeiMin: wei(0n) }))),
  byQuorum(rotateToItself),
]

/** Another anchor, while the keys open under the first one alone [F1]. */
function otherConfiguration({ configuration }: World): readonly [string, object] {
  return ['configure', { configuration: { ...configuration, anchor: configuration.guardian } }]
}

/** A ticket without a round could never be redeemed [A24]. */
function noRound(_: World, { instance: { state } }: Boot): readonly [string, object] | undefined {
  const hasTickets = state?.unlanded?.payouts.some(({ kind }) => kind === 'ticket') === true
  return hasTickets ? ['resign_commit', { skip: [], round: null, fees: FEES, accountNonce: 0 }] : undefined
}

/** Bytes that no key ever made. */
function noSignature({ ids }: World): readonly [string, object] {
  const fields = { adjustSeq: 1, orchestratorId: ids[0], deltaWei: '1', reasonHash: ZERO_HASH, notAfter: FAR }
  return ['adjust', { ...fields, signatures: [new Uint8Array(SIGNATURE_BYTES)] }]
}

/** An opening balance that nobody approved [G6]. */
function otherGenesis({ genesis, ids }: World): readonly [string, object] {
  const { policy, roster, journalSize, journalHead } = genesis
  const openings = [{ id: ids[0], wei: '1', recipient: null }]
  const fields = { roster: [...roster], openings, journalSize, journalHead, epoch: 0 }
  return ['genesis', { policy: policyCodec.encode(policy), ...fields }]
}

/** Any method that this phase is not for. */
function outOfPhase(_: World, { instance }: Boot, dice: Random): readonly [string, object] | undefined {
  const methods = Object.entries(METHODS).filter(
    ([, { phases }]) => !(phases as readonly string[]).includes(instance.phase),
  )
  return methods.length === 0 ? undefined : [dice.pick(methods)[0], {}]
}

/** A credit that its reporter signed, whom no policy names: default deny. */
function unknownReporter({ governance, ids }: World, { instance }: Boot): readonly [string, object] | undefined {
  if (governance === undefined) return undefined
  const { stranger } = governance
  const said = { orchestratorId: ids[0] ?? '', recipient: ZERO_ADDRESS, eventId: 'event', workHash: ZERO_HASH }
  const credit = { ...said, reporter: stranger.address, rseq: 1, amountWei: wei(1n), notAfter: FAR }
  const signature = signStruct(instance.ledger, creditStruct({ ledgerId: instance.ledgerId, ...credit }), stranger)
  return ['credit_signed', { credits: [{ ...credit, amountWei: '1', signature }], receipts: false }]
}

type Act = { readonly method: string; readonly struct: Uint8Array; readonly params: object }
type Draft = (world: World, boot: Boot, state: NonNullable<Boot['instance']['state']>) => Act | undefined

/** Signed by as many as it takes: even they may not do everything. */
function byQuorum(draft: Draft): Nonsense {
  return (world, boot, dice) => {
    const { state, ledger } = boot.instance
    const act = state === undefined ? undefined : draft(world, boot, state)
    if (act === undefined || world.governance === undefined) return undefined
    return [act.method, { ...act.params, signatures: signedBy(world.governance, act.struct, ledger, dice) }]
  }
}

type Ledger = Boot['instance']['ledger']

function signedBy(governance: Governance, struct: Uint8Array, ledger: Ledger, dice: Random): Uint8Array[] {
  return quorumOf(dice, governance).map((signer) => signStruct(ledger, struct, signer))
}

function adjustBy(deltaWei: bigint): Draft {
  return ({ ids }, { instance: { ledgerId } }, { adjustSeq }) => {
    const fields = { adjustSeq: adjustSeq + 1, orchestratorId: ids[0] ?? '', reasonHash: ZERO_HASH, notAfter: FAR }
    const struct = adjustStruct({ ledgerId, ...fields, deltaWei })
    return { method: 'adjust', struct, params: { ...fields, deltaWei: `${deltaWei}` } }
  }
}

function drainNothing(_: World, { instance: { ledgerId } }: Boot, { drainSeq }: { readonly drainSeq: number }): Act {
  const fields = { drainSeq: drainSeq + 1, notAfter: FAR }
  const struct = drainStruct({ ledgerId, ...fields, amountWei: wei(0n) })
  return { method: 'drain', struct, params: { ...fields, amountWei: '0' } }
}

function policyOf(change: (policy: Policy) => Policy | undefined): Draft {
  return (_, { instance: { ledgerId } }, state) => {
    const policy = change(state.policy)
    if (policy === undefined) return undefined
    const fields = { version: state.policyVersion + 1, prevPolicyHash: state.policyHash, notAfter: FAR }
    const struct = policyChangeStruct({ ledgerId, ...fields, policyHash: policyHash(policy) })
    return { method: 'set_policy', struct, params: { ...fields, policy: policyCodec.encode(policy) } }
  }
}

/** To an authority that is there already. */
function rotateToItself(
  _: World,
  { instance: { ledgerId } }: Boot,
  state: NonNullable<Boot['instance']['state']>,
): Act {
  const { authority: newAuthority, logKey, config, imageDigest, epoch } = state
  const fields = { epoch: epoch + 1, newAuthority, logKey, config, imageDigest, notAfter: FAR }
  const struct = rotateApprovalStruct({ ledgerId, ...fields })
  return { method: 'rotate', struct, params: { ...fields, fees: FEES, accountNonce: 0 } }
}

export function talkNonsense(world: World, dice: Random): void {
  if (world.boots.length === 0 || !dice.chance(TRIED_PERMILLE)) return
  const boot = dice.pick(world.boots)
  const asked = dice.pick(NONSENSE)(world, boot, dice)
  if (asked === undefined) return
  const [method, params] = asked
  const answer = ask(world, boot, method, params)
  claim('nonsense is refused', answer.kind === 'refused', () => `${method} was taken`)
}
