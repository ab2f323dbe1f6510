/** What a quorum, a registrar or the owner of a recipient signs; and the same with too few of them, or strangers. */
import {
  adjustStruct,
  changeRecipientStruct,
  drainStruct,
  journalResetStruct,
  policyChangeStruct,
  registerStruct,
  rotateApprovalStruct,
} from '../../../enclave/protocol/credit.ts'
import { type Address, isAddress, toHash, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { wei } from '../../../enclave/protocol/money.ts'
import { type Policy, policyCodec, policyHash } from '../../../enclave/protocol/policy.ts'
import type { Answer } from '../boot.ts'
import { nonceOf } from '../chain/state.ts'
import { drawSigner, type Governance, quorumOf, type Signer, signStruct } from '../governance.ts'
import type { JournalNode } from '../journal.ts'
import type { Boot, World } from '../scene.ts'
import { claim } from '../violation.ts'
import { count, strikes } from '../world.ts'
import { authorityOf, broadcast, drawFees, noteCall } from './broadcast.ts'
import { cursorOf } from './feed.ts'
import { call } from './host.ts'

const GWEI = 10n ** 9n
const AMOUNT_GWEI_MAX = 600_000_000
const LIFE_SECONDS = 1_000_000_000
const ETHER_WEI = 10n ** 18n
const ROTATE_PERMILLE = 150
/** Of changes of recipient: signed by whoever is not the present one, and from somebody to himself. */
const WRONG_OWNER_PERMILLE = 120
const WITHDRAWN_PERMILLE = 120

export function govern(world: World): void {
  const { governance, random } = world
  const boot = pickActive(world)
  if (governance === undefined || boot === undefined) return
  if (random.chance(ROTATE_PERMILLE)) return rotate(world, boot, governance)
  switch (random.below(7)) {
    case 0:
      return adjust(world, boot, governance)
    case 1:
      return drain(world, boot, governance)
    case 2:
      return setPolicy(world, boot, governance)
    case 3:
      return changeRecipient(world, boot, governance)
    case 4:
      return resetJournal(world, boot, governance)
    default:
      return register(world, boot, governance)
  }
}

function pickActive({ random, boots }: World): Boot | undefined {
  const active = boots.filter(({ instance }) => instance.phase === 'active' && instance.state !== undefined)
  return active.length === 0 ? undefined : random.pick(active)
}

/** In a world that grows old, owners leave and come back. */
export function succeed(world: World): void {
  const { governance } = world
  const boot = pickActive(world)
  if (governance !== undefined && boot !== undefined) changeRecipient(world, boot, governance)
}

/** Signatures that suffice, or in a hostile world some that do not. */
function signatures(
  world: World,
  governance: Governance,
  struct: Uint8Array,
): { list: Uint8Array[]; isWhole: boolean } {
  const { random, chain } = world
  const signers = quorumOf(random, governance)
  const isWhole = !strikes(world, 'forged')
  const chosen = isWhole ? signers : spoil(world, governance, signers)
  return { list: chosen.map((signer) => signStruct(chain.rules.ledger, struct, signer)), isWhole }
}

function spoil({ random }: World, { stranger }: Governance, signers: readonly Signer[]): Signer[] {
  const [first] = signers as [Signer]
  switch (random.below(4)) {
    case 0:
      return signers.slice(1)
    case 1:
      return [first, first]
    case 2:
      return [...signers].reverse()
    default:
      return [first, stranger].sort((left, right) => (left.address < right.address ? -1 : 1))
  }
}

function note(world: World, governance: Governance, what: string, isWhole: boolean): void {
  if (isWhole) governance.signed.add(what)
  count(world, `${what.split(' ')[0]}${isWhole ? '' : ' forged'}`)
}

/** Brings an act to an enclave. Whatever was signed with full authority the host keeps, and may bring again. */
function act(world: World, boot: Boot, isWhole: boolean, method: string, params: object): Answer | undefined {
  if (isWhole) world.acts.push({ method, params })
  return call(world, boot, method, params)
}

function judge(answer: Answer | undefined, isWhole: boolean, what: string): void {
  claim('only who is named may act', isWhole || answer?.kind !== 'result', () => `${what} was taken`)
}

function notAfterOf(world: World, { instance }: Boot): number {
  return Math.max(instance.state?.at ?? 0, world.nowSeconds) + LIFE_SECONDS
}

function drawWei(world: World): bigint {
  return BigInt(1 + world.random.below(AMOUNT_GWEI_MAX)) * GWEI
}

function adjust(world: World, boot: Boot, governance: Governance): void {
  const { random, ids } = world
  const adjustSeq = (boot.instance.state?.adjustSeq ?? 0) + 1
  const deltaWei = random.chance(500) ? drawWei(world) : -drawWei(world)
  const fields = { adjustSeq, orchestratorId: random.pick(ids), reasonHash: toHash(random.bytes(32)) }
  const message = { ledgerId: boot.instance.ledgerId, ...fields, deltaWei, notAfter: notAfterOf(world, boot) }
  const { list, isWhole } = signatures(world, governance, adjustStruct(message))
  note(world, governance, `adjust ${adjustSeq} ${fields.orchestratorId} ${deltaWei}`, isWhole)
  const { ledgerId: _, ...wire } = message
  judge(
    act(world, boot, isWhole, 'adjust', { ...wire, deltaWei: `${deltaWei}`, signatures: list }),
    isWhole,
    'an adjustment',
  )
}

function drain(world: World, boot: Boot, governance: Governance): void {
  const drainSeq = (boot.instance.state?.drainSeq ?? 0) + 1
  const amountWei = wei(drawWei(world))
  const notAfter = notAfterOf(world, boot)
  const message = { ledgerId: boot.instance.ledgerId, drainSeq, amountWei, notAfter }
  const { list, isWhole } = signatures(world, governance, drainStruct(message))
  note(world, governance, `drain ${drainSeq} ${amountWei}`, isWhole)
  const answer = act(world, boot, isWhole, 'drain', { drainSeq, amountWei: `${amountWei}`, notAfter, signatures: list })
  judge(answer, isWhole, 'a drain')
}

function setPolicy(world: World, boot: Boot, governance: Governance): void {
  const { state } = boot.instance
  if (state === undefined) return
  const policy = changedPolicy(world, state.policy)
  const version = state.policyVersion + 1
  const notAfter = notAfterOf(world, boot)
  const change = { version, prevPolicyHash: state.policyHash, policyHash: policyHash(policy), notAfter }
  const struct = policyChangeStruct({ ledgerId: boot.instance.ledgerId, ...change })
  const { list, isWhole } = signatures(world, governance, struct)
  note(world, governance, `policy ${change.policyHash}`, isWhole)
  const wire = { version, policy: policyCodec.encode(policy), prevPolicyHash: state.policyHash, notAfter }
  judge(act(world, boot, isWhole, 'set_policy', { ...wire, signatures: list }), isWhole, 'a policy')
}

function changedPolicy({ random, recipients }: World, policy: Policy): Policy {
  switch (random.below(4)) {
    case 0:
      return { ...policy, payoutWeiMax: wei(random.pick([1n, 2n, 3n]) * ETHER_WEI) }
    case 1:
      return { ...policy, cadenceSeconds: random.pick([0, 30, 60]), payoutsPerCommitMax: random.pick([2, 7, 50]) }
    case 2: {
      const denied = policy.deniedRecipients.length > 0 ? [] : [random.pick([...recipients.values()])]
      return { ...policy, deniedRecipients: denied }
    }
    default:
      return { ...policy, credits: 'signed' }
  }
}

/** A journal that was forked goes on as the honest one from the same line on. */
function resetJournal(world: World, boot: Boot, governance: Governance): void {
  const { state, ledgerId } = boot.instance
  const cursor = cursorOf(world, boot)
  if (state === undefined || cursor === undefined) return
  let target: JournalNode | undefined = world.journal
  while (target !== undefined && target.size > cursor.size) target = target.parent
  if (target === undefined || target.size !== cursor.size) return
  const fields = { atSize: cursor.size, atHead: cursor.head, newHead: target.head, notAfter: notAfterOf(world, boot) }
  const { list, isWhole } = signatures(world, governance, journalResetStruct({ ledgerId, ...fields }))
  note(world, governance, `reset ${fields.atSize} ${fields.newHead}`, isWhole)
  judge(act(world, boot, isWhole, 'journal_reset', { ...fields, signatures: list }), isWhole, 'a reset of the journal')
}

/** By a registrar and the recipient, or by the recipient alone where the id is its address. */
function register(world: World, boot: Boot, governance: Governance): void {
  const { random, ids } = world
  const { state, ledgerId, ledger } = boot.instance
  const id = random.pick(ids)
  const owner = governance.owners.get(id)
  if (owner === undefined || state === undefined) return
  const regSeq = (state.byId.get(id)?.regSeq ?? 0) + 1
  const message = { orchestratorId: id, recipient: owner.address, regSeq, notAfter: notAfterOf(world, boot) }
  const struct = registerStruct({ ledgerId, ...message })
  const isWhole = !strikes(world, 'forged')
  const alone = isAddress(id) && random.chance(500)
  const registrar = isWhole ? (governance.registrars[0] as Signer) : governance.stranger
  note(world, governance, `register ${id} ${owner.address}`, isWhole || alone)
  const answer = act(world, boot, isWhole || alone, 'register', {
    ...message,
    recipientSignature: signStruct(ledger, struct, owner),
    registrarSignature: alone ? null : signStruct(ledger, struct, registrar),
  })
  judge(answer, isWhole || alone, 'a registration')
}

/** Waits a hundred headers and three days: only a world that grows old sees its new recipient paid. */
function changeRecipient(world: World, boot: Boot, governance: Governance): void {
  const { random, ids } = world
  const { state, ledgerId, ledger } = boot.instance
  const id = random.pick(ids)
  const account = state?.byId.get(id)
  const owner = governance.owners.get(id)
  if (account === undefined || owner === undefined || account.recipient === ZERO_ADDRESS) return
  const { from, to } = successionOf(world, account, owner, governance.heirs.get(id))
  const message = {
    orchestratorId: id,
    from: from.address,
    to: to.address,
    regSeq: account.regSeq + 1,
    notAfter: notAfterOf(world, boot),
  }
  const struct = changeRecipientStruct({ ledgerId, ...message })
  const byOwner = random.chance(600)
  const { list, isWhole } = byOwner ? { list: [], isWhole: true } : signatures(world, governance, struct)
  note(world, governance, `change ${id} ${from.address} ${to.address}`, isWhole)
  const answer = act(world, boot, isWhole, 'change_recipient', {
    ...message,
    fromSignature: byOwner ? signStruct(ledger, struct, from) : null,
    toSignature: signStruct(ledger, struct, to),
    signatures: list,
  })
  judge(answer, isWhole, 'a change of recipient')
}

/** Where there is an heir, owner and heir follow each other: as it is now, as it was, or nobody follows after all. */
function successionOf(
  { random }: World,
  { recipient }: { readonly recipient: Address },
  owner: Signer,
  heir: Signer | undefined,
): { readonly from: Signer; readonly to: Signer } {
  if (heir === undefined) return { from: owner, to: drawSigner(random) }
  const [present, other] = recipient === heir.address ? [heir, owner] : [owner, heir]
  const from = random.chance(WRONG_OWNER_PERMILLE) ? other : present
  return { from, to: random.chance(WITHDRAWN_PERMILLE) ? from : from === owner ? heir : owner }
}

/** Once in a world: quorum and guardian approve the other authority, and the old enclave signs itself away. */
function rotate(world: World, boot: Boot, governance: Governance): void {
  const { state, ledgerId } = boot.instance
  const { chain, keys } = world
  const [, newAuthority] = keys.authorities
  const { state: tip } = chain.tip
  if (state === undefined || tip.sequence === 0 || state.authority === newAuthority) return
  const { logKey, config, imageDigest } = state
  const approval = {
    epoch: state.epoch + 1,
    newAuthority,
    logKey,
    config,
    imageDigest,
    notAfter: notAfterOf(world, boot),
  }
  const { list, isWhole } = signatures(world, governance, rotateApprovalStruct({ ledgerId, ...approval }))
  note(world, governance, `rotate ${newAuthority}`, isWhole)
  const fees = drawFees(world)
  const nonce = nonceOf(tip, authorityOf(boot))
  const answer = call(world, boot, 'rotate', { ...approval, signatures: list, fees: fees.wire, accountNonce: nonce })
  judge(answer, isWhole, 'a rotation')
  if (answer?.kind !== 'result') return
  chain.submit({ kind: 'approve', authority: newAuthority })
  broadcast(world, noteCall(world, boot, answer.result, { nonce, maxFeeWei: fees.maxFeeWei }))
  count(world, 'rotation signed')
}
