/** One pass over a journal that the replaced host wrote: its hash chain, and what each orchestrator was left with. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { type Hash, ORCHESTRATOR_ID_BYTES_MAX, toHash } from '../../enclave/protocol/ids.ts'
import { parseEther } from '../../enclave/protocol/money.ts'
import { parseStrictJson } from '../../enclave/protocol/strict-json.ts'
import { utf8 } from '../../enclave/protocol/words.ts'
import { LineSplitter } from '../../host/line-splitter.ts'

/** A place in the journal: so many lines, and sha256(head ‖ sha256(line)) over them. */
export type Place = { readonly lines: number; readonly head: Hash }

export type OldJournal = {
  readonly end: Place
  /** Bytes of a last line that has no newline yet: it is no line, and waits for the new ledger. */
  readonly unfinishedBytes: number
  /** Wei of each id's last `balance`, in the order of first lines. */
  readonly balances: ReadonlyMap<string, bigint>
  /** Ids whose last line has no balance that can be read, and that line, counted from 1. */
  readonly doubtful: ReadonlyMap<string, number>
  /** Credits that are worth at least one wei, positive or negative. */
  readonly credits: number
  readonly payouts: number
  /** Lines that name no id and balance of that form. */
  readonly unread: number
  /** What the old core's memory of events says about the journal; all zero without one. */
  readonly seen: SeenCredits
}

export type SeenCredits = {
  readonly credits: number
  /** Behind the last credit that it had seen. */
  readonly end: Place
  /** The first credit before that place which it had not seen, counted from 1; undefined when there is none. */
  readonly hole: number | undefined
}

export const IDS_MAX = 100_000
const START: Place = { lines: 0, head: toHash(new Uint8Array(32)) }

/** Reads every complete line. Refuses JOURNAL_UNREADABLE, LEDGER_FULL for too many ids. */
export async function readOldJournal(path: string, seen: ReadonlySet<string> = new Set()): Promise<OldJournal> {
  const survey = new Survey(seen)
  const splitter = new LineSplitter()
  for await (const chunk of chunksOf(path)) for (const line of splitter.push(chunk)) survey.take(line)
  return survey.result(splitter.partial)
}

type Line = { readonly bytes: Uint8Array | undefined; readonly hash: Buffer }

class Survey {
  readonly #known: ReadonlySet<string>
  readonly #balances = new Map<string, bigint>()
  readonly #doubtful = new Map<string, number>()
  #head = Buffer.alloc(32)
  #lines = 0
  #credits = 0
  #payouts = 0
  #unread = 0
  #seen: { credits: number; end: Place; hole: number | undefined } = { credits: 0, end: START, hole: undefined }
  #unseenLine: number | undefined

  constructor(known: ReadonlySet<string>) {
    this.#known = known
  }

  take({ bytes, hash }: Line): void {
    this.#head = createHash('sha256').update(this.#head).update(hash).digest()
    this.#lines++
    const fields = bytes === undefined ? undefined : fieldsOf(bytes)
    if (fields === undefined) {
      this.#unread++
      return
    }
    if (fields.event === 'set_balance' && fields.reason === 'payout') this.#payouts++
    this.#keep(fields)
    if (fields.event === 'credit' && fields.amountWei !== 0n) this.#credit(hash)
  }

  #keep({ id, balanceWei }: Fields): void {
    if (balanceWei === undefined) {
      this.#doubtful.set(id, this.#lines)
      return
    }
    this.#doubtful.delete(id)
    this.#balances.set(id, balanceWei)
    if (this.#balances.size > IDS_MAX)
      throw new CodedError('LEDGER_FULL', `expected at most ${IDS_MAX} ids in the journal`)
  }

  #credit(hash: Buffer): void {
    this.#credits++
    if (!this.#known.has(`ledger:${hash.toString('hex')}`)) {
      this.#unseenLine ??= this.#lines
      return
    }
    const hole = this.#unseenLine
    this.#seen = { credits: this.#seen.credits + 1, end: this.#place(), hole }
  }

  #place(): Place {
    return { lines: this.#lines, head: toHash(this.#head) }
  }

  result(unfinishedBytes: number): OldJournal {
    return {
      end: this.#place(),
      unfinishedBytes,
      balances: this.#balances,
      doubtful: this.#doubtful,
      credits: this.#credits,
      payouts: this.#payouts,
      unread: this.#unread,
      seen: this.#seen,
    }
  }
}

type Fields = {
  readonly event: unknown
  readonly reason: unknown
  readonly id: string
  readonly amountWei: bigint
  readonly balanceWei: bigint | undefined
}

function fieldsOf(bytes: Uint8Array): Fields | undefined {
  const parsed = parseStrictJson(bytes.subarray(0, bytes.length - 1))
  if (parsed.kind !== 'object' || !parsed.wellFormed) return undefined
  const { event, reason, orchestrator_id: id, amount, balance } = parsed.value
  if (typeof id !== 'string' || utf8(id).length < 1 || utf8(id).length > ORCHESTRATOR_ID_BYTES_MAX) return undefined
  const balanceWei = weiOf(balance)
  if (event !== 'credit' && event !== 'set_balance') return undefined
  return { event, reason, id, amountWei: weiOf(amount) ?? 0n, balanceWei }
}

function weiOf(text: unknown): bigint | undefined {
  if (typeof text !== 'string') return undefined
  try {
    return parseEther(text)
  } catch {
    // A figure that is none is no figure; whoever needs it says so.
    return undefined
  }
}

async function* chunksOf(path: string): AsyncGenerator<Buffer<ArrayBuffer>> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer<ArrayBuffer>
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'an error'
    throw new CodedError('JOURNAL_UNREADABLE', `expected a journal in ${path}, got ${why}`, { cause })
  }
}
