/**
 * The journal as the ledger has read it, out of the ledger's own log, beside the file as it is now. Each consumed line left
 * its hash in an entry, so the first line that differs has a number. The host's index of the journal is not asked: it only
 * knows where lines were, and whoever could rewrite the journal could rewrite that too.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { decodeEntry, type Entry } from '../../../enclave/protocol/entry.ts'
import { CodedError } from '../../../enclave/protocol/errors.ts'
import { fromHex, type Hash, toHash, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import type { Context } from '../../../host/context.ts'
import { isMissing } from '../../../host/durable-file.ts'
import { EntryReader } from '../../../host/entry-reader.ts'
import { LineSplitter } from '../../../host/line-splitter.ts'
import { readPublished } from '../../../host/published-entries.ts'

export type Past = {
  /** The ledger's cursor: lines consumed, and the head that they lead to. */
  readonly size: number
  readonly head: Hash
  /** From genesis or the newest reset: of the lines before it only the head is known. */
  readonly start: { readonly size: number; readonly head: Hash }
  /** Hashes of consumed lines, from line `firstLine` on; those before `start` are what a reset gave up. */
  readonly firstLine: number
  readonly hashes: readonly Hash[]
}

export type FileFacts = {
  /** Whole lines, and the bytes of one that has begun. */
  readonly lines: number
  readonly partialBytes: number
  /** After as many lines as the ledger has consumed; undefined when there are fewer. */
  readonly headAtSize: Hash | undefined
  /** Lines that are those that were read, counted from the first; undefined when the file ends before it can be told. */
  readonly agrees: number | undefined
}

/** Their hashes are kept in memory. */
export const PAST_LINES_MAX = 2_000_000
const ENTRIES_PER_READ = 4_096

/** Refuses PHASE_FORBIDS without a ledger, AUDIT_STORE when entries are missing, JOURNAL_UNREADABLE beyond PAST_LINES_MAX. */
export async function readPast(context: Context): Promise<Past> {
  const { phase, ledger, session } = await context.enclave.call('status', {})
  if (ledger === undefined || session === undefined)
    throw new CodedError('PHASE_FORBIDS', `expected an enclave with a ledger, got phase ${phase}`)
  const hashes: Hash[] = []
  let start: Past['start'] = { size: 0, head: ZERO_HASH }
  let firstLine = 0
  for await (const entry of entriesOf(context, session, ledger.logSize)) {
    const line = lineHashOf(entry)
    if (line !== undefined) hashes.push(line)
    if (entry.type === 'reset') start = { size: entry.body.atSize, head: entry.body.newHead }
    if (entry.type === 'genesis') {
      firstLine = entry.body.journalSize
      start = { size: entry.body.journalSize, head: entry.body.journalHead }
    }
    if (hashes.length > PAST_LINES_MAX)
      throw new CodedError('JOURNAL_UNREADABLE', `expected at most ${PAST_LINES_MAX} journal lines to compare with`)
  }
  return { size: ledger.journalSize, head: ledger.journalHead, start, firstLine, hashes }
}

function lineHashOf({ type, body }: Entry): Hash | undefined {
  return (type === 'credit' || type === 'adjust' || type === 'refuse') && body.source === 'journal'
    ? body.hash
    : undefined
}

/** The published part out of the tiles, what follows out of the records of this boot. */
async function* entriesOf({ config, audit }: Context, session: string, size: number): AsyncGenerator<Entry> {
  const published = Math.min((await audit.published()).size, size)
  for await (const bundle of readPublished(config.paths, published))
    for (const entry of bundle) yield decodeEntry(entry)
  const reader = new EntryReader(config.paths)
  try {
    for (let from = published; from < size; from += ENTRIES_PER_READ) {
      const entries = await reader.between(session, from, Math.min(size, from + ENTRIES_PER_READ))
      for (const entry of entries) yield decodeEntry(entry)
    }
  } finally {
    await reader.close()
  }
}

/** Reads the file once from its start. Refuses JOURNAL_UNREADABLE. */
export async function readFacts(path: string, past: Past): Promise<FileFacts> {
  const splitter = new LineSplitter()
  const comparison = newComparison(past)
  try {
    for await (const chunk of createReadStream(path)) {
      for (const { hash } of splitter.push(Buffer.from(chunk))) comparison.take(toHash(hash))
    }
  } catch (cause) {
    // A journal that is gone is an empty one here: padding makes it anew.
    if (!isMissing(cause)) throw new CodedError('JOURNAL_UNREADABLE', `expected to read ${path}`, { cause })
  }
  return { ...comparison.facts(), partialBytes: splitter.partial }
}

/** Folds one line after the other, and says at the end how they stand to the past. Pure but for its own count. */
export function newComparison(past: Past) {
  let lines = 0
  let head: Hash = ZERO_HASH
  let headAtSize: Hash | undefined = past.size === 0 ? head : undefined
  // Of the lines before `start` the head alone is known: all of them are the ones that count, or none can be called so.
  let agrees: number | undefined = past.start.size === 0 ? 0 : undefined
  return {
    take: (hash: Hash): void => {
      if (agrees === lines && lines < past.size && past.hashes[lines - past.firstLine] === hash) agrees += 1
      lines += 1
      head = foldLine(head, hash)
      if (lines === past.start.size) agrees = head === past.start.head ? lines : 0
      if (lines === past.size) headAtSize = head
    },
    facts: (): Omit<FileFacts, 'partialBytes'> => ({ lines, headAtSize, agrees }),
  }
}

export function foldLine(head: Hash, lineHash: Hash): Hash {
  return toHash(createHash('sha256').update(fromHex(head)).update(fromHex(lineHash)).digest())
}
