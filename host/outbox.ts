/**
 * Every signed byte ever released, and what became of it: one file per commit and per session opening.
 *
 * Writers append whole lines with one call (O_APPEND) and fsync before anything leaves the machine. A line begins with a
 * newline of its own, so a torn one spoils only itself; each carries a checksum, and what does not check is dropped.
 * Doubled writers append the same attempt twice, which reads as once: an attempt is named by its transaction hash.
 */
import { createHash } from 'node:crypto'
import { link, open, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { isHash } from '../enclave/protocol/ids.ts'
import { parseWei } from '../enclave/protocol/money.ts'
import { isMissing, makeFolder, OWNER_ONLY_MODE, readIfThere, syncFolder, writeAll } from './durable-file.ts'
import type { DataPaths } from './paths.ts'

export const OUTBOX_FILES_MAX = 100_000
export const ATTEMPTS_MAX = 1_000

const hash = z.string().refine(isHash, 'expected 32 bytes of lower-case hex')
const hex = z.string().regex(/^0x([0-9a-f]{2})*$/)
const count = z.int().nonnegative()
const weiText = z.string().transform((text) => parseWei(text))
const payout = z.strictObject({
  payoutId: count,
  orchestratorId: z.string(),
  recipient: z.string(),
  wei: weiText,
  skipped: z.boolean(),
})

const Attempt = z.strictObject({
  kind: z.literal('attempt'),
  hash,
  raw: hex,
  call: hex,
  accountNonce: count,
  gas: count,
  maxFeeWei: weiText,
  atMs: count,
  /** Hash of the commit's header; the head that an opening names. */
  header: hash,
  logSize: count.nullable(),
  payouts: z.array(payout),
})
const Landed = z.strictObject({
  kind: z.literal('landed'),
  hash,
  blockNumber: count,
  blockHash: hash,
  bitmap: hash.nullable(),
  /** The anchored log that this commit made public. */
  logSize: count,
  logRoot: hash,
  atMs: count,
})
/** The attempt passed simulation and may go out. */
const Ready = z.strictObject({ kind: z.literal('ready'), hash, atMs: count })
/** The attempt was mined and reverted: it is never sent again. */
const Reverted = z.strictObject({ kind: z.literal('reverted'), hash, atMs: count })
const Settled = z.strictObject({ kind: z.literal('settled'), checkpoint: z.string(), atMs: count })
const OutboxRecord = z.discriminatedUnion('kind', [Attempt, Ready, Reverted, Landed, Settled])

export type Attempt = z.infer<typeof Attempt>
export type Landed = z.infer<typeof Landed>
type OutboxRecord = z.infer<typeof OutboxRecord>

/** Which call: a commit of a boot, or the opening of its session (sequence null). */
export type CallId = { readonly epoch: number; readonly sequence: number | null }

/** The story of one call, in the order of writing. `landed` is the newest such record: a reorg may write another. */
export type Story = {
  readonly id: CallId
  readonly attempts: readonly Attempt[]
  /** The newest attempt that may be sent; undefined before the first, and after a revert. */
  readonly live: Attempt | undefined
  readonly landed: Landed | undefined
  readonly checkpoint: string | undefined
}

export type Outbox = {
  append(id: CallId, record: OutboxRecord): Promise<void>
  read(id: CallId): Promise<Story>
  /** Calls that are not archived, oldest first. */
  open(): Promise<CallId[]>
  /** Moves a final call aside; nothing is deleted. */
  archive(id: CallId): Promise<void>
}

export function openOutbox(paths: DataPaths): Outbox {
  const pathOf = (id: CallId) => join(paths.outbox, nameOf(id))
  const archived = (id: CallId) => join(paths.outboxArchive, nameOf(id))
  return {
    append: (id, record) => append(pathOf(id), record),
    read: async (id) => {
      // A twin may have moved the file aside just before a line was added: then the story is in two places.
      const parts = [await readIfThere(archived(id)), await readIfThere(pathOf(id))]
      return storyOf(id, parts.map((bytes) => bytes?.toString('utf8') ?? '').join(''))
    },
    open: () => listOpen(paths.outbox),
    archive: async (id) => {
      await makeFolder(paths.outboxArchive)
      await moveAside(pathOf(id), archived(id))
    },
  }
}

/** 1 the content in the archive, 2 the old name gone. A crash in between leaves one file with two names. */
async function moveAside(path: string, archived: string): Promise<void> {
  try {
    // Unlike a rename, a link never replaces what was archived before.
    await link(path, archived)
  } catch (error) {
    // Another process has moved it.
    if (isMissing(error)) return
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (!(await isOneFile(path, archived)))
      await appendText(archived, (await readIfThere(path))?.toString('utf8') ?? '')
  }
  await syncFolder(dirname(archived))
  await rm(path, { force: true })
  await syncFolder(dirname(path))
}

/** Also true when `path` has just gone. */
async function isOneFile(path: string, archived: string): Promise<boolean> {
  try {
    return (await stat(path)).ino === (await stat(archived)).ino
  } catch (error) {
    if (isMissing(error)) return true
    throw error
  }
}

async function append(path: string, record: OutboxRecord): Promise<void> {
  await makeFolder(dirname(path))
  const text = JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
  await appendText(path, `\n${checksumOf(text)} ${text}\n`)
  await syncFolder(dirname(path))
}

async function appendText(path: string, text: string): Promise<void> {
  const file = await open(path, 'a', OWNER_ONLY_MODE)
  try {
    const bytes = Buffer.from(text)
    const { bytesWritten } = await file.write(bytes, 0, bytes.length, null)
    // Another writer may come between two parts of a line: it is written again whole, and the part fails its checksum.
    if (bytesWritten < bytes.length) await writeAll(file, bytes, null)
    await file.sync()
  } finally {
    await file.close()
  }
}

function storyOf(id: CallId, text: string): Story {
  const records = text.split('\n').flatMap((line) => parseLine(line) ?? [])
  const attempts = new Map<string, Attempt>()
  for (const record of records)
    if (record.kind === 'attempt' && !attempts.has(record.hash)) attempts.set(record.hash, record)
  if (attempts.size > ATTEMPTS_MAX)
    throw new CodedError('OUTBOX_BROKEN', `expected at most ${ATTEMPTS_MAX} attempts, got ${attempts.size}`)
  const named = (kind: 'ready' | 'reverted') =>
    new Set(records.flatMap((record) => (record.kind === kind ? [record.hash] : [])))
  const [ready, reverted] = [named('ready'), named('reverted')]
  const live = [...attempts.values()].findLast((attempt) => ready.has(attempt.hash) && !reverted.has(attempt.hash))
  const landed = records.findLast((record) => record.kind === 'landed')
  const settled = records.findLast((record) => record.kind === 'settled')
  return { id, attempts: [...attempts.values()], live, landed, checkpoint: settled?.checkpoint }
}

/** Undefined for blank, torn and damaged lines: what was not durable was never sent. */
function parseLine(line: string): OutboxRecord | undefined {
  const text = line.slice(CHECKSUM_CHARACTERS + 1)
  if (line.length <= CHECKSUM_CHARACTERS || line.slice(0, CHECKSUM_CHARACTERS) !== checksumOf(text)) return undefined
  try {
    return OutboxRecord.parse(JSON.parse(text))
  } catch (cause) {
    // The checksum is no secret: whoever writes to the disk can make one for any line.
    throw new CodedError('OUTBOX_BROKEN', `expected an outbox record, got ${text.slice(0, SHOWN_CHARACTERS_MAX)}`, {
      cause,
    })
  }
}

const CHECKSUM_CHARACTERS = 16
const SHOWN_CHARACTERS_MAX = 200

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, CHECKSUM_CHARACTERS)
}

const NUMBER_DIGITS = 15
const NAME_FORM = /^(\d{15})-(\d{15}|open)\.log$/

function nameOf({ epoch, sequence }: CallId): string {
  const digits = (value: number) => value.toString().padStart(NUMBER_DIGITS, '0')
  return `${digits(epoch)}-${sequence === null ? 'open' : digits(sequence)}.log`
}

async function listOpen(folder: string): Promise<CallId[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
  return names
    .sort()
    .slice(0, OUTBOX_FILES_MAX)
    .flatMap((name) => {
      const form = NAME_FORM.exec(name)
      if (form?.[1] === undefined || form[2] === undefined) return []
      return [{ epoch: Number(form[1]), sequence: form[2] === 'open' ? null : Number(form[2]) }]
    })
}
