/**
 * A reporter's own file: which number stands for which event, what became of each, and how far all of it is final. Nothing
 * is signed before its number is durable here, so no number ever stands for two things, whatever crashes.
 *
 * Lines are appended whole, with a newline in front and a checksum, so a torn one spoils only itself. Two processes may
 * write at once without a lock: a block of credits counts when it begins at the next number of the file as it stands
 * before the block. The one that came second is void, and whoever wrote it sees so when reading on, and tries again.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { BATCH_CREDITS_MAX } from '../enclave/protocol/entry.ts'
import { assert, CodedError, refuse } from '../enclave/protocol/errors.ts'
import { type Address, type Hash, isAddress, isHash } from '../enclave/protocol/ids.ts'
import { parseWei } from '../enclave/protocol/money.ts'
import { type CreditEvent, sameEvent } from './event.ts'

/** Numbers of one file: a second ledger of events is a second reporter. */
export const NUMBERS_MAX = 4_000_000
/** How often a block may come second to another process's. */
const APPENDS_MAX = 16
const OWNER_ONLY_MODE = 0o600
const FOLDER_MODE = 0o700
const READ_BYTES = 1_048_576
/** A block of credits with the longest ids, as JSON escapes them. */
const LINE_BYTES_MAX = 33_554_432
const CHECKSUM_CHARACTERS = 16
const NEWLINE = 10

const hash = z.string().refine(isHash, 'expected a hash')
const address = z.string().refine(isAddress, 'expected an address')
const number = z.int().positive()
const event = z.strictObject({
  orchestratorId: z.string(),
  recipient: address,
  amountWei: z.string().transform((value) => parseWei(value)),
  eventId: z.string(),
  workHash: hash,
})
const receipt = z.strictObject({
  /** Every number up to this one stands in the log no later than at logIndex. */
  throughSeq: number,
  epoch: number,
  logIndex: z.int().nonnegative(),
  leafHash: hash,
  signature: z.string().regex(/^0x[0-9a-f]{130}$/),
})
const refusal = z.strictObject({ rseq: number, code: z.string() })

const Line = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('reporter'), version: z.literal(1), ledgerId: hash, reporter: address }),
  z.strictObject({ kind: z.literal('credits'), firstSeq: number, credits: z.array(event).min(1) }),
  /** Numbers that will never stand for anything. */
  z.strictObject({ kind: z.literal('given-up'), fromSeq: number, toSeq: number }),
  z.strictObject({ kind: z.literal('taken'), refused: z.array(refusal), receipts: z.array(receipt) }),
  z.strictObject({ kind: z.literal('final'), throughSeq: number }),
])
type Line = z.infer<typeof Line>

export type StoredReceipt = z.infer<typeof receipt>
export type Refusal = z.infer<typeof refusal>
export type Owner = { readonly ledgerId: Hash; readonly reporter: Address }
export type Range = { readonly fromSeq: number; readonly toSeq: number }
/** What stands at a number and after it, as far as one message can carry it. */
export type Next =
  | { readonly kind: 'credits'; readonly firstSeq: number; readonly events: readonly CreditEvent[] }
  | { readonly kind: 'given-up'; readonly range: Range }
  /** Numbers whose line does not read back, and that nobody has given up. */
  | { readonly kind: 'hole'; readonly range: Range }

/** Opens or begins the file. Refuses REPORTER_STORE when it is another's, or holds what no version of ours wrote. */
export async function openStore(path: string, owner: Owner): Promise<ReporterStore> {
  await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE })
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT
  const store = new ReporterStore(await open(path, flags, OWNER_ONLY_MODE), path, owner)
  try {
    await store.begin()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

export class ReporterStore {
  readonly #file: FileHandle
  readonly #path: string
  readonly #owner: Owner
  /** Bytes of the file that were read. */
  #offset = 0
  #isOwned = false
  #next = 1
  #final = 0
  /** Events by number, from the first that is not final on. */
  readonly #events = new Map<number, CreditEvent>()
  readonly #numberOf = new Map<string, number>()
  readonly #digests = new Map<string, string>()
  readonly #receipts = new Map<number, StoredReceipt>()
  readonly #refusals = new Map<number, string>()
  #holes: Range[] = []
  #givenUp: Range[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor(file: FileHandle, path: string, owner: Owner) {
    this.#file = file
    this.#path = path
    this.#owner = owner
  }

  /** The number that the next new event gets. */
  get nextSeq(): number {
    return this.#next
  }

  /** Everything up to here is final, and is forgotten but for its eventId. */
  get finalSeq(): number {
    return this.#final
  }

  get holes(): readonly Range[] {
    return this.#holes
  }

  get refusals(): readonly Refusal[] {
    return [...this.#refusals].map(([rseq, code]) => ({ rseq, code }))
  }

  /** Receipts past the final number, oldest first. */
  receipts(): readonly StoredReceipt[] {
    return [...this.#receipts.values()].sort((left, right) => left.throughSeq - right.throughSeq)
  }

  async begin(): Promise<void> {
    await this.#read()
    if (this.#isOwned) return
    await this.#append({ kind: 'reporter', version: 1, ...this.#owner })
    await this.#read()
  }

  /**
   * Gives each event a number, durably. One that was reported before keeps the number it has. All or nothing: refuses
   * EVENT_INVALID when an eventId came before with another content.
   */
  add(events: readonly CreditEvent[]): Promise<{ readonly numbers: readonly number[]; readonly added: number }> {
    return this.#inTurn(() => this.#addAll(events))
  }

  async #addAll(events: readonly CreditEvent[]) {
    const added = this.#unknown(events).length
    let lost = 0
    for (let fresh = this.#unknown(events); fresh.length > 0; fresh = this.#unknown(events)) {
      if (this.#next + fresh.length > NUMBERS_MAX)
        refuse('REPORTER_STORE', `at most ${NUMBERS_MAX} numbers`, this.#next + fresh.length)
      const left = fresh.length
      // One block at a time: a second one must not follow a first that turned out void.
      await this.#append({ kind: 'credits', firstSeq: this.#next, credits: fresh.slice(0, BATCH_CREDITS_MAX) })
      await this.#read()
      lost = this.#unknown(events).length < left ? 0 : lost + 1
      if (lost === APPENDS_MAX) refuse('REPORTER_STORE', `room in ${this.#path}`, 'other processes that came first')
    }
    return { numbers: events.map(({ eventId }) => this.#numberOf.get(eventId) ?? 0), added }
  }

  /** The numbers that `add` would give to what is new, if nobody else came first. Refuses EVENT_INVALID as `add` does. */
  plan(events: readonly CreditEvent[]): readonly { readonly rseq: number; readonly event: CreditEvent }[] {
    return this.#unknown(events).map((event, at) => ({ rseq: this.#next + at, event }))
  }

  /** What has to be said next when the ledger waits for `seq`; at most `max` events. Undefined when nothing stands there. */
  at(seq: number, max: number): Next | undefined {
    const covers = ({ fromSeq, toSeq }: Range) => fromSeq <= seq && seq <= toSeq
    const givenUp = this.#givenUp.find(covers)
    if (givenUp !== undefined) return { kind: 'given-up', range: { fromSeq: seq, toSeq: givenUp.toSeq } }
    const hole = this.#holes.find(covers)
    if (hole !== undefined) return { kind: 'hole', range: { fromSeq: seq, toSeq: hole.toSeq } }
    const events: CreditEvent[] = []
    for (let at = seq; events.length < max; at++) {
      const known = this.#events.get(at)
      if (known === undefined) break
      events.push(known)
    }
    return events.length === 0 ? undefined : { kind: 'credits', firstSeq: seq, events }
  }

  /** What the ledger did with numbers, and its receipts. */
  async noteTaken(refused: readonly Refusal[], receipts: readonly StoredReceipt[]): Promise<void> {
    if (refused.length === 0 && receipts.length === 0) return
    await this.#note({ kind: 'taken', refused: [...refused], receipts: [...receipts] })
  }

  async noteFinal(throughSeq: number): Promise<void> {
    if (throughSeq > this.#final) await this.#note({ kind: 'final', throughSeq })
  }

  /** Numbers up to `toSeq` that hold no event will never hold one. Refuses REPORTER_STORE when there is none such. */
  async giveUp(toSeq: number): Promise<readonly Range[]> {
    const inside = this.#holes.filter(({ toSeq: end }) => end <= toSeq)
    const beyond = toSeq >= this.#next ? [{ fromSeq: this.#next, toSeq }] : []
    const ranges = [...inside, ...beyond]
    if (ranges.length === 0 || toSeq >= NUMBERS_MAX)
      refuse('REPORTER_STORE', `numbers up to ${toSeq} that hold no event`, `a file that ends before ${this.#next}`)
    for (const range of ranges) await this.#note({ kind: 'given-up', ...range })
    return ranges
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** What was read is taken in once: within one process one call at a time. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(act, act)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  #note(line: Line): Promise<void> {
    return this.#inTurn(async () => {
      await this.#append(line)
      await this.#read()
    })
  }

  #unknown(events: readonly CreditEvent[]): readonly CreditEvent[] {
    const fresh = new Map<string, CreditEvent>()
    for (const event of events) {
      const before = fresh.get(event.eventId)
      const digest = this.#digests.get(event.eventId)
      if (before === undefined && digest === undefined) fresh.set(event.eventId, event)
      else if (before === undefined ? digest !== digestOf(event) : !sameEvent(before, event))
        throw new CodedError(
          'EVENT_INVALID',
          `expected the event that eventId ${JSON.stringify(event.eventId)} stands for already, got another`,
        )
    }
    return [...fresh.values()]
  }

  async #append(line: Line): Promise<void> {
    const text = JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
    const bytes = Buffer.from(`\n${checksumOf(text)} ${text}\n`)
    assert(bytes.length <= LINE_BYTES_MAX, 'a line of ours is bounded')
    // A write that is cut short leaves a torn line, which counts for nothing: the reader that follows finds out.
    await this.#file.write(bytes)
    await this.#file.sync()
  }

  /** Takes in every whole line that was added since, by us or by another process. */
  async #read(): Promise<void> {
    let rest: Buffer = Buffer.alloc(0)
    while (true) {
      const chunk = Buffer.alloc(READ_BYTES)
      const { bytesRead } = await this.#file.read(chunk, 0, READ_BYTES, this.#offset + rest.length)
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
      const end = bytes.lastIndexOf(NEWLINE) + 1
      for (const line of bytes.subarray(0, end).toString('utf8').split('\n')) this.#take(line)
      this.#offset += end
      rest = bytes.subarray(end)
      if (bytesRead < READ_BYTES) return
      if (rest.length > LINE_BYTES_MAX) refuse('REPORTER_STORE', `lines of ${LINE_BYTES_MAX} bytes`, 'a longer one')
    }
  }

  #take(text: string): void {
    const json = text.slice(CHECKSUM_CHARACTERS + 1)
    // Torn by a crash before it was durable: nothing was signed for it.
    if (text.slice(0, CHECKSUM_CHARACTERS) !== checksumOf(json)) return
    const line = parseLine(json, this.#path)
    if (line.kind !== 'reporter' && !this.#isOwned)
      refuse('REPORTER_STORE', 'the name of its reporter first', line.kind)
    switch (line.kind) {
      case 'reporter':
        return this.#takeOwner(line)
      case 'credits':
        return this.#takeCredits(line.firstSeq, line.credits as readonly CreditEvent[])
      case 'given-up':
        return this.#takeGivenUp(line)
      case 'taken':
        for (const { rseq, code } of line.refused) this.#refusals.set(rseq, code)
        for (const kept of line.receipts) if (kept.throughSeq > this.#final) this.#receipts.set(kept.throughSeq, kept)
        return
      case 'final':
        return this.#takeFinal(line.throughSeq)
    }
  }

  #takeOwner({ ledgerId, reporter }: Owner & object): void {
    if (ledgerId !== this.#owner.ledgerId || reporter !== this.#owner.reporter)
      refuse(
        'REPORTER_STORE',
        `the file of ${this.#owner.reporter} on ${this.#owner.ledgerId}`,
        `${reporter} on ${ledgerId}`,
      )
    this.#isOwned = true
  }

  #takeCredits(firstSeq: number, credits: readonly CreditEvent[]): void {
    const isVoid = firstSeq < this.#next || credits.some(({ eventId }) => this.#digests.has(eventId))
    if (isVoid) return
    if (firstSeq > this.#next) this.#holes.push({ fromSeq: this.#next, toSeq: firstSeq - 1 })
    for (const [at, credit] of credits.entries()) {
      this.#events.set(firstSeq + at, credit)
      this.#numberOf.set(credit.eventId, firstSeq + at)
      this.#digests.set(credit.eventId, digestOf(credit))
    }
    this.#next = firstSeq + credits.length
  }

  #takeGivenUp({ fromSeq, toSeq }: Range): void {
    const fills = this.#holes.some((hole) => hole.fromSeq === fromSeq && hole.toSeq === toSeq)
    if (!fills && fromSeq !== this.#next) return
    this.#holes = this.#holes.filter((hole) => hole.fromSeq !== fromSeq)
    this.#givenUp.push({ fromSeq, toSeq })
    this.#next = Math.max(this.#next, toSeq + 1)
  }

  #takeFinal(throughSeq: number): void {
    for (let seq = this.#final + 1; seq <= Math.min(throughSeq, this.#next - 1); seq++) this.#events.delete(seq)
    for (const seq of this.#receipts.keys()) if (seq <= throughSeq) this.#receipts.delete(seq)
    this.#final = Math.max(this.#final, throughSeq)
  }
}

function parseLine(json: string, path: string): Line {
  try {
    return Line.parse(JSON.parse(json))
  } catch (cause) {
    throw new CodedError('REPORTER_STORE', `expected a line of a reporter's file in ${path}`, { cause })
  }
}

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, CHECKSUM_CHARACTERS)
}

function digestOf({ orchestratorId, recipient, amountWei, eventId, workHash }: CreditEvent): string {
  const fields = [orchestratorId, recipient, amountWei.toString(), eventId, workHash]
  return createHash('sha256').update(JSON.stringify(fields)).digest('base64')
}
