/** Reporters who sign credits, and a host that brings them on: in order or not, singly or as a batch, twice or never. */
import { batchRoot, creditBatchStruct, creditStruct, skipSequenceStruct } from '../../../enclave/protocol/credit.ts'
import { toHash, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { wei } from '../../../enclave/protocol/money.ts'
import { type Desk, type DeskCredit, type Governance, type Signer, signStruct } from '../governance.ts'
import type { Boot, World } from '../scene.ts'
import { claim } from '../violation.ts'
import { count, strikes } from '../world.ts'
import { call } from './host.ts'

const CREDITS_PER_CALL_MAX = 5
const BATCH_PERMILLE = 500
const SKIP_PERMILLE = 40
const PIN_PERMILLE = 300
const HEIR_PERMILLE = 300
const GWEI = 10n ** 9n
const CREDIT_GWEI_MAX = 800_000_000
const LIFE_SECONDS = 1_000_000_000
const SHORT_LIFE_SECONDS = 100

/** One more piece of work that was done. */
export function report(world: World, { desks, owners, heirs }: Governance, desk?: Desk): void {
  const { random, ids } = world
  const id = random.pick(ids)
  const heir = heirs.get(id)
  const named = heir !== undefined && random.chance(HEIR_PERMILLE) ? heir : owners.get(id)
  const by = desk ?? random.pick(desks)
  by.credits.push({
    orchestratorId: id,
    recipient: random.chance(PIN_PERMILLE) ? (named?.address ?? ZERO_ADDRESS) : ZERO_ADDRESS,
    amountWei: wei(BigInt(1 + random.below(CREDIT_GWEI_MAX)) * GWEI),
    eventId: `event ${random.word()}`,
    workHash: toHash(random.bytes(32)),
    notAfter: world.nowSeconds + (random.chance(100) ? SHORT_LIFE_SECONDS : LIFE_SECONDS),
  })
}

export function nextSeqOf({ instance }: Boot, { address }: Desk): number {
  return instance.state?.reporters.get(address)?.nextSeq ?? 1
}

/** What the enclave has not seen of one reporter; a hostile host begins elsewhere. */
export function feedSigned(world: World, boot: Boot, governance: Governance): void {
  const { random } = world
  const waiting = governance.desks.filter((desk) => desk.credits.length >= nextSeqOf(boot, desk))
  const desk = random.pick(waiting.length > 0 ? waiting : governance.desks)
  const next = nextSeqOf(boot, desk)
  if (strikes(world, 'abandoned') && random.chance(SKIP_PERMILLE * 10)) return skip(world, boot, desk, next)
  const isMisplaced = strikes(world, 'misplacedLines', 2)
  const first = isMisplaced ? 1 + random.below(desk.credits.length + 1) : next
  const credits = desk.credits.slice(first - 1, first - 1 + 1 + random.below(CREDITS_PER_CALL_MAX))
  if (credits.length === 0) return
  renew(world, boot, credits)
  const signer = strikes(world, 'forged') ? governance.stranger : desk
  if (random.chance(BATCH_PERMILLE)) offerBatch(world, boot, desk, signer, first, credits)
  else offerSingly(world, boot, desk, signer, first, credits)
}

/** A number that was not accepted may be signed again with a later end [F24]. */
function renew(world: World, { instance }: Boot, credits: readonly DeskCredit[]): void {
  const at = Math.max(instance.state?.at ?? 0, world.nowSeconds)
  for (const credit of credits)
    if (credit.notAfter < at && world.random.chance(800)) credit.notAfter = at + LIFE_SECONDS
}

function fieldsOf({ amountWei, ...fields }: DeskCredit): object {
  return { ...fields, amountWei: amountWei.toString() }
}

function offerSingly(
  world: World,
  boot: Boot,
  { address: reporter }: Desk,
  signer: Signer,
  first: number,
  credits: readonly DeskCredit[],
): void {
  const { ledger, ledgerId } = boot.instance
  const signed = credits.map((credit, at) => {
    const rseq = first + at
    const signature = signStruct(ledger, creditStruct({ ledgerId, reporter, rseq, ...credit }), signer)
    return { reporter, rseq, ...fieldsOf(credit), signature }
  })
  const answer = call(world, boot, 'credit_signed', { credits: signed, receipts: world.random.chance(50) })
  refuseForged(answer, signer.address === reporter)
  if (answer?.kind === 'result')
    for (const { kind, code } of answer.result.outcomes) count(world, `credit ${code ?? kind}`)
}

function offerBatch(
  world: World,
  boot: Boot,
  { address: reporter }: Desk,
  signer: Signer,
  firstSeq: number,
  credits: readonly DeskCredit[],
): void {
  const { ledger, ledgerId } = boot.instance
  const structs = credits.map((credit, at) => creditStruct({ ledgerId, reporter, rseq: firstSeq + at, ...credit }))
  const notAfter = Math.max(...credits.map((credit) => credit.notAfter))
  const batch = { ledgerId, reporter, firstSeq, count: credits.length, root: batchRoot(structs), notAfter }
  const signature = signStruct(ledger, creditBatchStruct(batch), signer)
  const answer = call(world, boot, 'credit_batch', {
    reporter,
    firstSeq,
    notAfter,
    signature,
    credits: credits.map(fieldsOf),
  })
  refuseForged(answer, signer.address === reporter)
  if (answer !== undefined) count(world, `batch ${answer.kind === 'refused' ? answer.code : answer.result.kind}`)
}

/** The reporter gives up its next number: its event was lost. */
export function skip(world: World, boot: Boot, desk: Desk, fromSeq: number): void {
  if (fromSeq > desk.credits.length) return
  const { ledger, ledgerId } = boot.instance
  const skipped = { reporter: desk.address, fromSeq, toSeq: fromSeq }
  desk.skips.add(`${fromSeq} ${fromSeq}`)
  const signature = signStruct(ledger, skipSequenceStruct({ ledgerId, ...skipped }), desk)
  call(world, boot, 'skip_sequence', { ...skipped, signature })
  count(world, 'number given up')
}

function refuseForged(answer: ReturnType<typeof call>, isOwn: boolean): void {
  claim('only who is named may act', isOwn || answer?.kind !== 'result', () => 'a credit of a stranger was taken')
}
