/**
 * The chain's log: one record a line, `<bytes of the JSON> <check> <JSON>\n`.
 *
 * The check is the start of sha256(previous check ‖ JSON), so a changed, missing, doubled or swapped record is named by
 * its number. A line that stops before its newline is a write that a crash cut short: nobody was told of it, it goes.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { ChainRecord } from './records.ts'

export const LOG_FILE = 'chain.log'

const CHECK_CHARACTERS = 16
const FIRST_CHECK = '0'.repeat(CHECK_CHARACTERS)
const NEWLINE = 0x0a

export type LogContents = {
  readonly records: readonly ChainRecord[]
  /** Bytes up to the end of the last whole record; what lies beyond is a torn one. */
  readonly bytes: number
  readonly check: string
}

/** Every whole record of the log in `dataDir`; none when there is no file. Refuses CONFIG_INVALID on damage. */
export async function readLog(dataDir: string): Promise<LogContents> {
  return parseLog(await readLogBytes(dataDir))
}

/** Whole records of `bytes`, in order. Refuses CONFIG_INVALID and names the record (from 0) that does not read back. */
export function parseLog(bytes: Buffer): LogContents {
  const records: ChainRecord[] = []
  let check = FIRST_CHECK
  let from = 0
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
    const line = parseLine(bytes.toString('utf8', from, end), check, records.length)
    records.push(line.record)
    check = line.check
    from = end + 1
  }
  refuseLostNewline(bytes.toString('utf8', from), records.length)
  return { records, bytes: from, check }
}

/** An open log. One writer: the caller holds the folder's lock and awaits each append before the next. */
export type LogWriter = {
  /** Returns once the record is on the disk. */
  append(record: ChainRecord): Promise<void>
  close(): Promise<void>
}

/** Opens the log for appending after `contents`, cutting off a torn last record. */
export async function openLog(dataDir: string, contents: LogContents): Promise<LogWriter> {
  const path = join(dataDir, LOG_FILE)
  const file = await open(path, 'a')
  await file.truncate(contents.bytes)
  await file.sync()
  await syncFolder(dirname(path))
  let check = contents.check
  return {
    async append(record) {
      const line = formatLine(record, check)
      await file.writeFile(line.text)
      await file.datasync()
      check = line.check
    },
    close: () => file.close(),
  }
}

/** Makes the folder's own list of names durable; a new file is not there after a power cut without it. */
export async function syncFolder(path: string): Promise<void> {
  const folder: FileHandle = await open(path, 'r')
  await folder.sync()
  await folder.close()
}

function formatLine(record: ChainRecord, previousCheck: string): { text: string; check: string } {
  const json = JSON.stringify(record)
  const check = checkOf(previousCheck, json)
  return { text: `${Buffer.byteLength(json)} ${check} ${json}\n`, check }
}

function checkOf(previousCheck: string, json: string): string {
  return createHash('sha256').update(previousCheck).update(json).digest('hex').slice(0, CHECK_CHARACTERS)
}

const LINE_FORM = /^([0-9]{1,8}) ([0-9a-f]{16}) (.*)$/s

function parseLine(line: string, previousCheck: string, number: number): { record: ChainRecord; check: string } {
  const [, length = '', check = '', json = ''] = LINE_FORM.exec(line) ?? []
  if (String(Buffer.byteLength(json)) !== length || check !== checkOf(previousCheck, json)) refuseRecord(number)
  const parsed = ChainRecord.safeParse(JSON.parse(json))
  if (!parsed.success) throw new CodedError('CONFIG_INVALID', `${LOG_FILE} record ${number}: ${parsed.error.message}`)
  return { record: parsed.data, check }
}

// A torn write is shorter than its record. A tail that is longer has lost its newline to damage, and was once promised.
function refuseLostNewline(tail: string, number: number): void {
  const [, length = '', , json = ''] = LINE_FORM.exec(tail) ?? []
  if (length !== '' && Buffer.byteLength(json) > Number.parseInt(length, 10)) refuseRecord(number)
}

function refuseRecord(number: number): never {
  throw new CodedError(
    'CONFIG_INVALID',
    `${LOG_FILE} record ${number} is damaged: its bytes do not match its check. Restore the folder from a copy, or start a new chain.`,
  )
}

/** The log as it lies on the disk; empty when there is none. */
export async function readLogBytes(dataDir: string): Promise<Buffer> {
  try {
    return await readFile(join(dataDir, LOG_FILE))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}
