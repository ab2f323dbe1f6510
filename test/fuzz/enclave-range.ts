/** An enclave in each phase, a valid request for each method, and what must hold of an enclave that was shot at. */
import { useOf } from '../../enclave/core/credit.ts'
import { lineHash, nextJournalHead } from '../../enclave/core/journal.ts'
import { foldHead } from '../../enclave/protocol/header.ts'
import { fromHex, toHash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { MethodName, Phase } from '../../enclave/protocol/methods.ts'
import type { Dice } from '../../scripts/journal/dice.ts'
import { aLine, audited, type Boot, bitmapHash, FEES, ROUND, type World } from '../builders/boot.ts'
import { REPORTERS, type Signer, signedFor } from '../builders/governors.ts'
import { changeBytes, type Fields, randomBytes } from './mutations.ts'
import { isSigned, signedParams } from './signed-range.ts'

/** One enclave under fire. `sealed` and `entries` are what a careful host has stored of it. */
export type Target = { readonly phase: Phase; readonly boot: Boot; nextRecord: number; rebuilt: boolean }

/** A ledger with some history, from which targets are loaded. */
export type Range = { readonly world: World; readonly donor: Boot }

const AMOUNTS = ['1', '0.5', '-0.25', '1e-19', '1e40', '79228162514.264337593543950336', 'x', '0']
const NEWLINE = 10
const ODD_FIELDS: readonly object[] = [
  { delta: '1.0' },
  { delta: '2' },
  { reason: '\u{1f600}'.repeat(40) },
  { reason: '\ud800' },
  { orchestrator_id: '\udfff' },
  { orchestrator_id: '' },
  { orchestrator_id: 'é'.repeat(65) },
  { event: 'set_balance' },
  { metadata: [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]] },
  { amount: ` 1` },
]
const IDS = ['orch-0', 'orch-1', 'orch-4', 'late', '__proto__', `0x${'ab'.repeat(20)}`]

export function aRange(world: World): Range {
  const donor = world.active()
  credit(donor, ['orch-0', 'orch-1', 'late'])
  donor.prepare()
  donor.confirm(1, 0b01n)
  credit(donor, ['orch-3'])
  donor.prepare()
  return { world, donor }
}

/** By whichever route the policy takes. */
function credit(donor: Boot, ids: readonly string[]): void {
  const { state, ledger } = donor.instance
  if (state?.policy.credits !== 'signed') {
    donor.offer(...ids.map((id) => aLine(id, '2')))
    return
  }
  const reporter = REPORTERS[0] as Signer
  const first = useOf(state, reporter.address).nextSeq
  const credits = ids.map((orchestratorId, at) => signedFor(ledger).credit(reporter, first + at, { orchestratorId }))
  donor.store('credit_signed', { credits })
}

export function aTarget({ world, donor }: Range, phase: Phase): Target {
  const boot = phase === 'cold' ? world.cold() : world.provisioned()
  const target = { phase, boot, nextRecord: 0, rebuilt: false }
  if (phase === 'cold' || phase === 'provisioned') return target
  boot.load(donor, { head: donor.ledger.head, epoch: 1, bitmap: null })
  boot.journalHead = donor.journalHead
  if (phase !== 'recovering') boot.openSession(2)
  if (phase === 'halted') boot.call('halt', { reason: 'by hand' })
  target.nextRecord = boot.instance.outbox.next
  return target
}

/** Stores what was released, as a careful host does after each reply; the wire's `ack` may be anything. */
export function keepReleased(target: Target, { donor }: Range): void {
  const { boot } = target
  const { outbox, state } = boot.instance
  if (state === undefined || outbox.next === target.nextRecord) return
  if (boot.sealed.length === 0) adoptPrefix(target, donor)
  for (const { record, sealed, entries } of outbox.records) {
    if (record < target.nextRecord) continue
    boot.sealed.push(sealed)
    boot.entries.push(...entries)
    target.nextRecord = record + 1
  }
}

/** A load that succeeded under fire took some prefix of the donor's records: the one that its own records follow. */
function adoptPrefix(target: Target, donor: Boot): void {
  const { outbox, state } = target.boot.instance
  const own = outbox.records.reduce((count, { entries }) => count + entries.length, 0)
  target.nextRecord = outbox.next - outbox.records.length
  target.rebuilt = target.nextRecord === 0
  target.boot.sealed.push(...donor.sealed.slice(0, target.nextRecord))
  target.boot.entries.push(...donor.entries.slice(0, (state?.log.size ?? 0) - own))
}

/** Log and state agree, and the records lead a new boot to the very same state. Throws where they do not. */
export function judge({ boot, rebuilt }: Target, { world }: Range): void {
  const { state, claim } = boot.instance
  if (state === undefined || boot.entries.length === 0) return
  const ledger = audited(boot.entries)
  const live = [state.head, state.sequence, state.creditedWei, state.paidWei, state.reservedWei, state.journalSize]
  const read = [
    ledger.head,
    ledger.sequence,
    ledger.creditedWei,
    ledger.paidWei,
    ledger.reservedWei,
    ledger.journalSize,
  ]
  if (live.join() !== read.join()) throw new Error(`the state has ${live.join()}, the log ${read.join()}`)
  // The records of a rebuilt ledger follow a snapshot, which nobody has asked for here.
  if (rebuilt) return
  const epoch = Math.max(state.epoch, claim?.epoch ?? 0)
  const reloaded = world.provisioned()
  reloaded.load(boot, { head: state.head, epoch, bitmap: null })
  const again = reloaded.instance.state
  const totals = [again?.head, again?.sequence, again?.creditedWei, again?.paidWei, again?.accounts.length]
  const expected = [state.head, state.sequence, state.creditedWei, state.paidWei, state.accounts.length]
  if (totals.join() !== expected.join()) throw new Error(`loaded ${totals.join()}, expected ${expected.join()}`)
}

/** Valid parameters at this moment: some are refused all the same, since their turn has not come. */
export function paramsOf(dice: Dice, method: MethodName, { boot }: Target, { world, donor }: Range): Fields {
  const { state } = boot.instance
  const nonce = dice.below(9)
  const known = state ?? donor.instance.state
  if (isSigned(method) && known !== undefined) return signedParams(dice, method, known, boot.instance.ledger)
  switch (method) {
    case 'provision':
      return { ...world.ciphertexts }
    case 'attestation':
      return { nonce: new Uint8Array(8) }
    case 'genesis':
      return { ...genesisOf(world), epoch: dice.below(3), more: dice.below(3) === 0 }
    case 'load_state':
      return loadOf(dice, donor)
    case 'rebuild':
      return rebuildOf(dice, donor)
    case 'prove_balance':
      return { orchestrator_id: dice.pick(IDS) }
    case 'reporter':
      return { reporter: dice.pick(REPORTERS).address }
    case 'open_session':
      return { accountNonce: nonce, fees: FEES }
    case 'session_landed':
      return { epoch: state?.epoch ?? 1 }
    case 'apply_events':
      return linesOf(dice, boot)
    case 'prepare_commit':
      return {
        mode: dice.pick(['pay', 'bare']),
        budgetWei: (10n ** 19n).toString(),
        round: ROUND,
        fees: FEES,
        accountNonce: nonce,
      }
    case 'resign_commit':
      return { skip: dice.below(2) === 0 ? [] : [0, 1], round: ROUND, fees: FEES, accountNonce: nonce }
    case 'confirm_payout':
      return confirmationOf(dice, boot)
    case 'halt':
      return { reason: 'by hand' }
    case 'outputs':
      return { fromRecord: boot.instance.outbox.next - dice.below(3), max: 8 }
    case 'ack':
      return { record: boot.instance.outbox.next - 1 }
    case 'export_snapshot':
      return { chunk: dice.below(2) }
    case 'balance':
      return { orchestrator_id: dice.pick(IDS) }
    case 'audit_checkpoint':
      return { chain_id: world.configuration.chainId, contract_address: world.configuration.anchor }
    default:
      return {}
  }
}

function genesisOf(world: World): Fields {
  const text = JSON.stringify(world.genesis, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
  return JSON.parse(text) as Fields
}

function loadOf(dice: Dice, donor: Boot): Fields {
  const records = donor.sealed.slice(0, donor.sealed.length - dice.below(3))
  return { records, claimed: { head: donor.ledger.head, epoch: 1 + dice.below(2), bitmap: null } }
}

/** The public log, mostly up to the newest header, whole or in its first part. */
function rebuildOf(dice: Dice, donor: Boot): Fields {
  const header = donor.instance.state?.lastHeader
  const size = header?.logSize ?? 0
  const kept = dice.below(3) === 0 ? dice.below(donor.entries.length + 1) : size
  const entries = donor.entries.slice(0, kept)
  const unlanded = donor.instance.state?.unlanded
  const bitmap = bitmapHash(BigInt(dice.below(4)))
  const head = unlanded === null || unlanded === undefined ? donor.ledger.head : foldHead(unlanded.hash, BigInt(bitmap))
  return { entries, claimed: { head, epoch: 1 + dice.below(2), bitmap }, more: dice.below(6) === 0 }
}

function linesOf(dice: Dice, boot: Boot): Fields {
  const { state } = boot.instance
  const back = dice.below(3)
  const lines = Array.from({ length: dice.below(4) }, () => lineOf(dice))
  const long = { hash: toHash(lineHash(new Uint8Array(1))), bytes: 40_000 }
  const head = state === undefined ? ZERO_HASH : toHash(state.journalHead)
  if (back > 0 || lines.length === 0) {
    return {
      firstIndex: state?.journalSize ?? 0,
      head,
      lines: dice.below(8) === 0 ? [...lines, long] : lines,
      receipts: true,
    }
  }
  // Offered again from one line before: a fork, since nobody kept that head.
  const before = toHash(nextJournalHead(fromHex(head), fromHex(head)))
  return { firstIndex: Math.max(0, (state?.journalSize ?? 0) - 1), head: before, lines }
}

/** A line of the original form, or anything at all that ends in the one newline. */
function lineOf(dice: Dice): Uint8Array {
  const line = aLine(dice.pick(IDS), dice.pick(AMOUNTS), dice.below(4) === 0 ? dice.pick(ODD_FIELDS) : {})
  const kind = dice.below(4)
  if (kind > 1) return line
  const body = kind === 0 ? randomBytes(dice) : changeBytes(dice, line)
  return Uint8Array.from([...body.filter((byte) => byte !== NEWLINE), NEWLINE])
}

function confirmationOf(dice: Dice, boot: Boot): Fields {
  const unlanded = boot.instance.state?.unlanded
  const count = unlanded?.payouts.length ?? 0
  const bits = BigInt(dice.below(2 ** Math.min(count, 20)))
  return { sequence: unlanded?.header.sequence ?? 1, bitmap: count === 0 ? null : bitmapHash(bits) }
}
