/**
 * The journal: an append-only file of lines that somebody else writes. It is read by byte offset; a line without its
 * newline waits. The running hash chain, head' = sha256(head ‖ sha256(line)), is what the enclave holds against us, so a
 * truncated, rotated or rewritten file shows as another head. The index of offsets is a cache: checked against the file at
 * start and whenever the file looks other than grown, and used to say where a rewritten file begins to differ.
 */
import { hash as hashOnce } from 'node:crypto'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { CodedError } from '../enclave/protocol/errors.ts'
import { type Hash, toHash, ZERO_HASH } from '../enclave/protocol/ids.ts'
import { LINES_BYTES_MAX, LINES_MAX } from '../enclave/protocol/methods.ts'
import { isMissing } from './durable-file.ts'
import { addMark, type IndexStore, type Mark, START } from './journal-index.ts'
import { type Line, LineSplitter } from './line-splitter.ts'

export type OfferedLine = Uint8Array<ArrayBuffer> | { readonly hash: Hash; readonly bytes: number }
/** Lines from `firstIndex`; `head` is the value before them and `nextHead` after. */
export type Batch = {
  readonly firstIndex: number
  readonly head: Hash
  readonly lines: readonly OfferedLine[]
  readonly nextHead: Hash
}
export type Seek =
  | { readonly kind: 'at'; readonly head: Hash }
  /** The file holds fewer whole lines. */
  | { readonly kind: 'short'; readonly lines: number }
/** The lines between two marks differ from those that were read before. */
export type Difference = { readonly fromLine: number; readonly toLine: number }

export type JournalReader = {
  /** Places the cursor before line `index` and tells the head there. Refuses JOURNAL_UNREADABLE. */
  seek(index: number): Promise<Seek>
  /** Whole lines at the cursor, at most so many; undefined when there is none yet. Moves the cursor. */
  next(linesMax?: number): Promise<Batch | undefined>
  /** Where the file differs from what was read before, or undefined; found by reading it again from the start. */
  difference(): Promise<Difference | undefined>
  /**
   * Takes the file as it is for the journal when it differs from what was read before, and says whether it did. Only for
   * whoever has seen the ledger accept it: after a JournalReset the old marks would have every look read from line 0.
   */
  forget(): boolean
  /** Bytes after the cursor. */
  lagBytes(): Promise<number>
  /** Keeps the index for the next start, at most every SAVE_EVERY_MS. */
  save(): Promise<void>
  close(): Promise<void>
}

const CHUNK_BYTES = 1_048_576
/** A rewrite in place, hidden by later growth, is found after at most this long, or 50 times what the look itself costs. */
export const RECHECK_MS_MIN = 10_000
const RECHECK_COST_FACTOR = 50
export const SAVE_EVERY_MS = 2_000

export function openJournal(path: string, index: IndexStore, now: () => number = Date.now): JournalReader {
  return new Reader(path, index, now)
}

class Reader implements JournalReader {
  readonly #path: string
  readonly #index: IndexStore
  readonly #now: () => number
  #marks: Mark[] | undefined
  #cursor: Mark = START
  #seen = { inode: 0, size: 0, modifiedMs: 0 }
  #checkAtMs = 0
  #isUnchecked = true
  #difference: Difference | undefined
  #savedAtMs = 0
  #savedMarks = -1

  constructor(path: string, index: IndexStore, now: () => number) {
    this.#path = path
    this.#index = index
    this.#now = now
  }

  async seek(index: number): Promise<Seek> {
    const difference = await this.#recheck()
    if (difference !== undefined && difference.fromLine < index) this.#cursor = START
    if (this.#cursor.line === index) return { kind: 'at', head: headText(this.#cursor) }
    this.#cursor = this.#markBefore(index, difference)
    for await (const line of this.#lines(this.#cursor)) {
      if (this.#cursor.line >= index) break
      this.#advance(line)
    }
    return this.#cursor.line === index
      ? { kind: 'at', head: headText(this.#cursor) }
      : { kind: 'short', lines: this.#cursor.line }
  }

  async next(linesMax: number = LINES_MAX): Promise<Batch | undefined> {
    const lines: OfferedLine[] = []
    const { line: firstIndex } = this.#cursor
    const head = headText(this.#cursor)
    let size = 0
    for await (const line of this.#lines(this.#cursor)) {
      size += line.bytes?.length ?? 0
      if (lines.length >= linesMax || size > LINES_BYTES_MAX) break
      lines.push(line.bytes ?? { hash: toHash(line.hash), bytes: line.size })
      this.#advance(line)
    }
    return lines.length === 0 ? undefined : { firstIndex, head, lines, nextHead: headText(this.#cursor) }
  }

  async difference(): Promise<Difference | undefined> {
    this.#checkAtMs = 0
    this.#isUnchecked = true
    return this.#recheck()
  }

  forget(): boolean {
    if (this.#difference === undefined) return false
    this.#difference = undefined
    this.#marks = []
    this.#savedMarks = -1
    // One more reading from the start makes marks along the new past; every look after it begins at the cursor again.
    this.#cursor = START
    return true
  }

  async lagBytes(): Promise<number> {
    return Math.max(0, (await this.#stat()).size - this.#cursor.offset)
  }

  async save(): Promise<void> {
    const count = this.#marks?.length ?? 0
    if (this.#marks === undefined || this.#difference !== undefined || count === this.#savedMarks) return
    if (this.#now() < this.#savedAtMs + SAVE_EVERY_MS) return
    this.#savedAtMs = this.#now()
    this.#savedMarks = count
    await this.#index.save(this.#marks)
  }

  async close(): Promise<void> {
    this.#savedAtMs = 0
    await this.save()
  }

  #advance(line: Line): void {
    this.#cursor = after(this.#cursor, line)
    if (this.#difference === undefined && this.#marks !== undefined) addMark(this.#marks, this.#cursor)
  }

  #markBefore(index: number, difference: Difference | undefined): Mark {
    const trusted = difference === undefined ? (this.#marks ?? []) : []
    return trusted.findLast(({ line }) => line <= index) ?? START
  }

  /** Reads everything again when the file is new to us, looks other than grown, or has grown and it is time. */
  async #recheck(): Promise<Difference | undefined> {
    const before = this.#seen
    const seen = await this.#stat()
    this.#seen = seen
    const isSame = seen.inode === before.inode && seen.size === before.size && seen.modifiedMs === before.modifiedMs
    const isGrown = seen.inode === before.inode && seen.size > before.size
    if (!isSame) this.#isUnchecked = true
    const isDue = this.#isUnchecked && this.#now() >= this.#checkAtMs
    if (this.#marks !== undefined && (isSame || isGrown) && !isDue) return this.#difference
    const startMs = this.#now()
    this.#marks ??= await this.#index.load()
    // The cursor is a mark as well: what lies between it and the last one must not escape.
    const isAhead = this.#cursor.line > (this.#marks.at(-1)?.line ?? 0)
    this.#difference = await this.#compare(isAhead ? [...this.#marks, this.#cursor] : this.#marks)
    this.#isUnchecked = false
    this.#checkAtMs = this.#now() + Math.max(RECHECK_MS_MIN, RECHECK_COST_FACTOR * (this.#now() - startMs))
    return this.#difference
  }

  async #compare(marks: readonly Mark[]): Promise<Difference | undefined> {
    let at = START
    let passed = 0
    for await (const line of this.#lines(START)) {
      if (passed >= marks.length) break
      at = after(at, line)
      const mark = marks[passed]
      if (mark === undefined || at.line < mark.line) continue
      if (mark.offset !== at.offset || !mark.head.equals(at.head))
        return { fromLine: marks[passed - 1]?.line ?? 0, toLine: mark.line }
      passed += 1
    }
    return passed < marks.length ? { fromLine: at.line, toLine: marks.at(-1)?.line ?? at.line } : undefined
  }

  async #stat(): Promise<{ inode: number; size: number; modifiedMs: number }> {
    try {
      const { ino, size, mtimeMs } = await stat(this.#path)
      return { inode: ino, size, modifiedMs: mtimeMs }
    } catch (cause) {
      // A journal that nobody has begun to write is an empty one; one that is gone shows as shortened.
      if (isMissing(cause)) return { inode: 0, size: 0, modifiedMs: 0 }
      throw new CodedError('JOURNAL_UNREADABLE', `expected a journal at ${this.#path}`, { cause })
    }
  }

  async *#lines(from: Mark): AsyncGenerator<Line> {
    const file = await this.#open()
    if (file === undefined) return
    const splitter = new LineSplitter()
    try {
      let at = from.offset
      while (true) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at)
        if (bytesRead === 0) return
        at += bytesRead
        yield* splitter.push(buffer.subarray(0, bytesRead))
      }
    } finally {
      await file.close()
    }
  }

  async #open(): Promise<FileHandle | undefined> {
    try {
      return await open(this.#path, 'r')
    } catch (cause) {
      if (isMissing(cause)) return undefined
      throw new CodedError('JOURNAL_UNREADABLE', `expected a journal that can be read at ${this.#path}`, { cause })
    }
  }
}

function after(mark: Mark, line: Line): Mark {
  const joined = Buffer.allocUnsafe(64)
  joined.set(mark.head)
  joined.set(line.hash, 32)
  return { line: mark.line + 1, offset: mark.offset + line.size, head: hashOnce('sha256', joined, 'buffer') }
}

function headText(mark: Mark): Hash {
  return mark.line === 0 ? ZERO_HASH : toHash(mark.head)
}
