/** Small files that are whole or absent: 1 write another name, 2 fsync it, 3 rename, 4 fsync the folder. */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { CodedError, type ErrorCode } from '../enclave/protocol/errors.ts'

export const OWNER_ONLY_MODE = 0o600
const FOLDER_MODE = 0o700
const NEWLINE = 0x0a

/** Replaces `path`. A crash before 3 leaves the old content and a stray file that nobody reads. */
export async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  await makeFolder(dirname(path))
  const draft = `${path}.${randomUUID()}.tmp`
  const file = await open(draft, 'wx', OWNER_ONLY_MODE)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await syncFolder(dirname(path))
}

/**
 * Adds whole lines to a log that people and programs read line by line. What a crash has left of a line before them gets
 * its newline first: it must not spoil one that was promised.
 */
export async function appendLines(path: string, lines: string): Promise<void> {
  await makeFolder(dirname(path))
  const file = await open(path, 'a+', OWNER_ONLY_MODE)
  try {
    await writeAll(file, Buffer.from((await endsWithin(file)) ? `\n${lines}` : lines), null)
    await file.sync()
  } finally {
    await file.close()
  }
  await syncFolder(dirname(path))
}

/**
 * Writes all of `bytes`, from `position` or, with null, at the end. A disk that is nearly full takes a part and reports no
 * error: whoever believes that call has promised what is not there. Refuses SEALED_STORE when
 * it takes not a byte more.
 */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number | null): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const at = position === null ? null : position + done
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at)
    if (bytesWritten === 0) throw new CodedError('SEALED_STORE', `expected room for ${bytes.length - done} bytes more`)
    done += bytesWritten
  }
}

/** True when the last byte is no newline. */
async function endsWithin(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== NEWLINE
}

/** A new folder is itself a name: until its own folder is synced, a power cut takes it with all that is in it. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE })
  if (first === undefined) return
  for (let at = resolve(path); at.length >= resolve(first).length; at = dirname(at)) await syncFolder(dirname(at))
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** The content, or undefined when there is no such file. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** A small JSON file as its schema has it, undefined when there is none. Refuses `code` when it does not read back. */
export async function readJsonIfThere<T>(path: string, schema: z.ZodType<T>, code: ErrorCode): Promise<T | undefined> {
  const bytes = await readIfThere(path)
  if (bytes === undefined) return undefined
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw new CodedError(code, `expected ${path} as it was written, it does not read back`, { cause })
  }
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
