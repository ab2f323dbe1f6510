/** A ledger whose policy names everybody, and a log of all that they may sign, decided by the enclave's core. */
import { decideAdjust, decideDrain, decidePolicy, decideReset } from '../../../enclave/core/admin.ts'
import { decideSkip, takeBatch, takeCredits } from '../../../enclave/core/credit.ts'
import { decideChange, decideRegister } from '../../../enclave/core/register.ts'
import { decideTakeover } from '../../../enclave/core/rotation.ts'
import type { Body } from '../../../enclave/protocol/entry.ts'
import { toHash } from '../../../enclave/protocol/ids.ts'
import type { Wei } from '../../../enclave/protocol/money.ts'
import type { Policy } from '../../../enclave/protocol/policy.ts'
import { addressOf, aPolicy, type GenesisChanges, hashOf, LogBuilder } from './log-builder.ts'
import {
  ADMINS,
  aBatch,
  aChange,
  aCredit,
  aDrain,
  anAdjust,
  anItem,
  aReset,
  aRotation,
  aSkip,
  aSuccession,
  byRecipient,
  byRegistrar,
  type Item,
  LEDGER_ID,
  PAYEES,
  QUORUM,
  REGISTRAR,
  REPORTERS,
  type SignedCredit,
  structOf,
} from './signed-bodies.ts'

const ETHER_WEI = 10n ** 18n

export function aGovernedPolicy(changes: Partial<Policy> = {}): Policy {
  const caps = { windowWeiMax: (100n * ETHER_WEI) as Wei, lifetimeWeiMax: (1_000n * ETHER_WEI) as Wei }
  return aPolicy({
    credits: 'signed',
    strategy: 'transfer',
    admins: ADMINS.map(({ address }) => address),
    quorum: QUORUM.length,
    registrars: [REGISTRAR.address],
    registration: { registrar: true, self: true, credit: true },
    reporters: REPORTERS.map(({ address }) => ({ address, ...caps })),
    ...changes,
  })
}

/** Two accounts of the roster: `orch-a`, paid to the first payee, and `orch-b`, to the second. */
export function aGovernedLog(changes: Partial<Policy> = {}, genesis: GenesisChanges = {}): LogBuilder {
  const roster = [
    { id: 'orch-a', recipient: PAYEES[0].address },
    { id: 'orch-b', recipient: PAYEES[1].address },
  ]
  return new LogBuilder({ policy: aGovernedPolicy(changes), roster, ...genesis })
}

/** Takes single credits as the enclave does. */
export function credit(log: LogBuilder, ...bodies: SignedCredit[]): LogBuilder {
  const credits = bodies.map((body) => {
    const { id: orchestratorId, wei: amountWei, signature, source: _, account: __, ...fields } = body
    const hash = toHash(structOf(body, body.reporter, body.rseq))
    return { credit: { ledgerId: LEDGER_ID, orchestratorId, amountWei, ...fields }, signature, hash }
  })
  const { outcomes, entries } = takeCredits(log.state, credits, log.tick())
  if (entries.length !== outcomes.length) throw new TypeError(`expected entries, got ${JSON.stringify(outcomes)}`)
  return log.take(entries)
}

/** Takes a batch as the enclave does. */
export function batch(log: LogBuilder, items: readonly Item[], firstSeq = 1): LogBuilder {
  const [first] = aBatch(items, { firstSeq })
  if (first === undefined) throw new TypeError('expected credits')
  const { reporter, root, notAfter, signature } = first
  const credits = items.map(({ id: orchestratorId, wei: amountWei, account: _, code: __, ...fields }, at) => {
    return { ledgerId: LEDGER_ID, reporter, rseq: firstSeq + at, orchestratorId, amountWei, ...fields }
  })
  const taken = takeBatch(log.state, { reporter, firstSeq, root, notAfter, signature, credits }, log.tick())
  if (taken.kind !== 'ack') throw new TypeError(`expected a batch that fits, got ${taken.kind}`)
  return log.take(taken.entries)
}

/** Lets `count` headers land. */
export function land(log: LogBuilder, count: number): LogBuilder {
  for (let landed = 0; landed < count; landed++) log.bare().settle(null)
  return log
}

const approvedBy = (signatures: Body<'policy'>['signatures'], at: number) => ({
  signers: QUORUM.map(({ address }) => address),
  signatures,
  at,
})

function register(log: LogBuilder): LogBuilder {
  const own = byRegistrar({ id: 'orch-c', account: 4, recipient: PAYEES[2].address }, REGISTRAR, PAYEES[2])
  const at = log.nowSeconds
  const message = (body: { id: string; recipient: typeof own.recipient; regSeq: number; notAfter: number }) => {
    const { id: orchestratorId, recipient, regSeq, notAfter } = body
    return { ledgerId: LEDGER_ID, orchestratorId, recipient, regSeq, notAfter }
  }
  const registrar = { address: REGISTRAR.address, signature: own.registrarSignature }
  log.put('register', decideRegister(log.state, message(own), own.recipientSignature, registrar, at))
  credit(log, aCredit({ id: PAYEES[0].address, account: 5, reporter: REPORTERS[1].address }))
  const alone = byRecipient({ account: 5 })
  return log.put('register', decideRegister(log.state, message(alone), alone.recipientSignature, null, at))
}

function change(log: LogBuilder, body: ReturnType<typeof aChange>, quorum: boolean): LogBuilder {
  const { id: orchestratorId, from, recipient: to, regSeq, notAfter } = body
  const message = { ledgerId: LEDGER_ID, orchestratorId, from, to, regSeq, notAfter }
  const signed = { from: body.fromSignature, to: body.toSignature, quorum: body.signatures }
  const admins = quorum ? QUORUM.map(({ address }) => address) : []
  return log.put('register', decideChange(log.state, message, signed, admins, log.nowSeconds))
}

function administer(log: LogBuilder): LogBuilder {
  const { state, nowSeconds: at } = log
  const raise = anAdjust({ delta: 7n })
  const asAdjust = ({ id: orchestratorId, delta: deltaWei, ...rest }: typeof raise) => ({
    ledgerId: LEDGER_ID,
    orchestratorId,
    deltaWei,
    ...rest,
  })
  log.put('adjust', decideAdjust(state, asAdjust(raise), approvedBy(raise.signatures, at)))
  const lower = anAdjust({ adjustSeq: 2 })
  log.put('adjust', decideAdjust(state, asAdjust(lower), approvedBy(lower.signatures, at)))
  const drain = aDrain()
  const drained = { ledgerId: LEDGER_ID, amountWei: drain.wei, drainSeq: drain.drainSeq, notAfter: drain.notAfter }
  log.put('adjust', decideDrain(state, drained, approvedBy(drain.signatures, at)))
  const reset = aReset({ atSize: state.journalSize, atHead: toHash(state.journalHead) }, { newHead: hashOf(5) })
  log.put('reset', decideReset(state, { ledgerId: LEDGER_ID, ...reset }, approvedBy(reset.signatures, at)))
  const next = aSuccession(state.policy, { treasuryOwner: addressOf(0xe2), windowSeconds: 3_600 })
  const succession = { ledgerId: LEDGER_ID, ...next }
  return log.put('policy', decidePolicy(state, next.policy, succession, approvedBy(next.signatures, at)))
}

function takeOver(log: LogBuilder): LogBuilder {
  const { state, nowSeconds: at } = log
  const own = { authority: addressOf(0xd2), logKey: hashOf(8), config: hashOf(9), imageDigest: hashOf(10) }
  const { signatures, notAfter } = aRotation({ epoch: state.epoch + 1, ...own })
  const { authority: newAuthority, ...keys } = own
  const approval = { ledgerId: LEDGER_ID, epoch: state.epoch + 1, newAuthority, ...keys, notAfter }
  const rotation = { approval, ...approvedBy(signatures, at) }
  const body = decideTakeover(state, own, state.epoch + 1, rotation, at)
  if (body === null) throw new TypeError('expected another enclave')
  return log.put('rotate', body)
}

/** Every entry that somebody outside signs, each as the enclave decides it. */
export function aGovernedHistory(): LogBuilder {
  const log = aGovernedLog().open()
  credit(log, aCredit(), aCredit({ rseq: 2, wei: 0n as Wei }), aCredit({ rseq: 3, wei: 500n as Wei }))
  log.put('refuse', decideSkip(log.state, aSkip(4, 9)))
  const items = Array.from({ length: 130 }, (_, at) => {
    return anItem({ wei: BigInt(at) as Wei, id: at % 2 === 0 ? 'orch-x' : 'orch-a' })
  })
  register(batch(log, items, 10))
  land(change(log, aChange(), false), 100).wait(72 * 3_600)
  log.pay().settle(1n)
  const back = { from: PAYEES[1].address, recipient: PAYEES[2].address, regSeq: 2 }
  change(log, aChange(back, { from: null, to: PAYEES[2], quorum: QUORUM }), true)
  administer(log).pay().settle(1n)
  return takeOver(log).open().bare().settle(null).bare()
}
