/** One enclave of a world, spoken to through the real dispatcher, and an observer who misses nothing that leaves it. */
import { answer } from '../../enclave/dispatch.ts'
import { type Instance, newInstance } from '../../enclave/instance.ts'
import { decodeMessage, encodeMessage, type Message } from '../../enclave/protocol/frame.ts'
import { type Hash, toHash } from '../../enclave/protocol/ids.ts'
import { bytesEqual } from '../../enclave/protocol/words.ts'
import { checkReceipts } from './checkers/receipts.ts'
import { LogNode } from './log-branch.ts'
import type { Boot, World } from './scene.ts'
import type { Mark, SealedRecord } from './sealed.ts'
import { claim, Violation } from './violation.ts'
import { count, strikes } from './world.ts'

// biome-ignore lint/suspicious/noExplicitAny: replies are judged field by field.
export type Reply = any
export type Answer =
  | { readonly kind: 'result'; readonly result: Reply }
  | { readonly kind: 'refused'; readonly code: string }

/** Inputs that a host sends again when it is not sure. */
const REPEATED: ReadonlySet<string> = new Set([
  'apply_events',
  'credit_signed',
  'credit_batch',
  'skip_sequence',
  'register',
  'change_recipient',
  'set_policy',
  'adjust',
  'drain',
  'confirm_payout',
])

const LOOKED_AT_EVERY_RECORDS = 4

type Released = { readonly record: number; readonly sealed: Uint8Array; readonly entries: readonly Uint8Array[] }

/** A cold enclave. Its randomness is its own: two clones draw different session keys and salts. */
export function newBoot(world: World, isHonest: boolean): Boot {
  const random = world.random.split()
  const boot: Omit<Boot, 'instance'> & { instance?: Instance } = {
    number: world.bootCount++,
    random,
    tip: undefined,
    records: new Map(),
    deliveredBelow: 0,
    node: undefined,
    skewSeconds: 0,
    open: undefined,
    commit: undefined,
    isHonest,
    isUnacknowledged: false,
  }
  const instance = newInstance({
    configuration: world.configuration,
    kms: world.keys.kms,
    entropy: (bytes) => random.bytes(bytes),
    clock: { unixSeconds: () => world.nowSeconds + boot.skewSeconds, attested: false },
    report: (error) => {
      throw new Violation('no bug', error instanceof Error ? (error.stack ?? error.message) : String(error))
    },
  })
  const whole: Boot = Object.assign(boot, { instance })
  world.boots.push(whole)
  return whole
}

/** One request in a frame's bytes. What it released is observed whether or not the host gets the reply. */
export function ask(world: World, boot: Boot, method: string, params: object): Answer {
  const before = digestOf(boot.instance)
  const request = encodeMessage({ method, params: params as Message }, 'cbor')
  const reply = answer(boot.instance, request)
  const { message } = decodeMessage(reply)
  const { error, result } = message as { error?: { code: string; message: string }; result?: Reply }
  if (error !== undefined) {
    claim('no bug', error.code !== 'INTERNAL', () => `${method} answered INTERNAL: ${error.message}`)
    claim('refusals change nothing', digestOf(boot.instance) === before, () => `${method} refused ${error.code}`)
    count(world, `refused ${method} ${error.code}`)
    return { kind: 'refused', code: error.code }
  }
  count(world, `answered ${method}`)
  observe(world, boot, (result.records ?? result.released ?? []) as Released[])
  if (result.receipts?.length > 0) {
    checkReceipts(world, boot, result.receipts)
    count(world, 'receipts judged', result.receipts.length)
  }
  world.checks.changed.add(boot)
  const isWriting = (result.records?.length ?? 0) > 0
  if (REPEATED.has(method) && strikes(world, 'repeated')) repeat(boot, method, { request, reply, isWriting })
  return { kind: 'result', result }
}

/** The same bytes once more, as of a host that never saw the reply: the same bytes come back, and nothing counts twice. */
function repeat(
  boot: Boot,
  method: string,
  {
    request,
    reply,
    isWriting,
  }: { readonly request: Uint8Array; readonly reply: Uint8Array; readonly isWriting: boolean },
): void {
  const before = digestOf(boot.instance)
  const again = answer(boot.instance, request)
  const property = 'a repeated input counts once'
  claim(property, digestOf(boot.instance) === before, () => `${method} changed something twice`)
  claim(property, !isWriting || bytesEqual(again, reply), () => `${method} was answered in another way`)
}

/** Sends bytes that are no request of ours. Whatever comes back has to be a refusal that changed nothing, or a reply. */
export function askBytes(world: World, boot: Boot, request: Uint8Array): void {
  const before = digestOf(boot.instance)
  const { message } = decodeMessage(answer(boot.instance, request))
  const { error } = message as { error?: { code: string; message: string } }
  if (error !== undefined) {
    claim('no bug', error.code !== 'INTERNAL', () => `foreign bytes answered INTERNAL: ${error.message}`)
    claim('refusals change nothing', digestOf(boot.instance) === before, () => `foreign bytes refused ${error.code}`)
  }
  world.checks.changed.add(boot)
}

function digestOf({ phase, state, outbox, vouched }: Instance): string {
  if (state === undefined) return phase
  const { creditedWei, paidWei, reservedWei, head, epoch, unlanded, log, journalSize } = state
  const { at, adjustSeq, drainSeq, policyVersion, nextPayoutId, servedIndex, reporters } = state
  return [
    phase,
    vouched !== undefined,
    outbox.next,
    creditedWei,
    paidWei,
    reservedWei,
    head,
    epoch,
    unlanded?.hash,
    log.size,
    journalSize,
    state.accounts.length,
    ...[at, adjustSeq, drainSeq, policyVersion, nextPayoutId, servedIndex],
    ...[...reporters.values()].map(({ nextSeq }) => nextSeq),
  ].join()
}

/** Adds the records of a reply to their chain; then every record that was sealed has to be known. */
function observe(world: World, boot: Boot, released: readonly Released[]): void {
  const { instance } = boot
  for (const record of [...released, ...instance.outbox.records]) {
    if (!boot.records.has(record.record)) addRecord(world, boot, record)
  }
  const { sealer } = instance
  if (sealer === undefined || boot.records.size === 0) return
  const last = boot.tip?.number ?? -1
  claim(
    'the outbox loses nothing',
    last + 1 === sealer.nextRecord,
    () => `sealed up to ${sealer.nextRecord - 1}, released up to ${last}`,
  )
}

function addRecord(world: World, boot: Boot, { record, sealed, entries }: Released): void {
  const { instance } = boot
  for (const bytes of entries) boot.node = new LogNode(boot.node, bytes)
  const node = boot.node
  if (node === undefined) throw new Violation('the outbox loses nothing', `record ${record} has no entry`)
  const added: SealedRecord = {
    number: record,
    sealed,
    entries,
    previous: boot.tip,
    sealEpoch: (instance.claim?.epoch ?? 0) + 1,
    mark: {
      ...markOf(world, instance, node),
      session: instance.vouched !== undefined ? instance.session.address : boot.tip?.mark.session,
    },
    delivered: false,
    stored: 'no',
  }
  boot.tip = added
  if (boot.records.size === 0) boot.deliveredBelow = record
  boot.records.set(record, added)
  world.archive.records.push(added)
  world.checks.sealed(sealed)
}

function markOf(world: World, { state }: Instance, node: LogNode): Omit<Mark, 'session'> {
  if (state === undefined) throw new Violation('the outbox loses nothing', 'a record without a state')
  const { unlanded } = state
  return {
    head: state.head,
    epoch: state.epoch,
    authority: state.authority,
    sequence: state.sequence,
    unlanded: unlanded && { hash: unlanded.hash, prev: unlanded.header.prev, payouts: unlanded.payouts.length },
    journal: world.journals.get(toHash(state.journalHead) as Hash),
    node,
  }
}

/** A reply that arrives brings its records along. */
export function takeRecords(boot: Boot, { records }: Reply): void {
  for (const { record } of (records ?? []) as Released[]) if (record === boot.deliveredBelow) deliver(boot, record)
}

function deliver(boot: Boot, number: number): void {
  const record = boot.records.get(number)
  if (record !== undefined) record.delivered = true
  boot.deliveredBelow = number + 1
}

/** The host fetches what it may have missed; where it misses nothing, it looks now and then all the same. */
export function collect(world: World, boot: Boot): void {
  const { outbox } = boot.instance
  const isWhole = boot.records.size === 0 || boot.deliveredBelow === outbox.next
  if (isWhole && (outbox.records.length === 0 || outbox.next % LOOKED_AT_EVERY_RECORDS !== 0)) return
  const first = outbox.next - outbox.records.length
  const answered = ask(world, boot, 'outputs', { fromRecord: first })
  if (answered.kind === 'refused')
    throw new Violation('the outbox loses nothing', `outputs from ${first} refused ${answered.code}`)
  for (const record of answered.result.records as Released[]) {
    const known = boot.records.get(record.record)
    const same = known !== undefined && bytesEqual(known.sealed, record.sealed)
    claim('the outbox loses nothing', same, () => `record ${record.record} came back as other bytes`)
  }
  const isKept = first <= boot.deliveredBelow
  claim('the outbox loses nothing', isKept, () => `record ${boot.deliveredBelow} cannot be had any more`)
  for (let number = boot.deliveredBelow; number < outbox.next; number++) deliver(boot, number)
}
