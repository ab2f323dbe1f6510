/** Where the published log is read from: a folder or a web address, the same files in both (C2SP tlog-tiles). */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError, isCoded } from '../enclave/protocol/errors.ts'

/** 256 entries of the longest kind, each behind its length. */
const FILE_BYTES_MAX = 256 * (65_535 + 2)
const FETCH_TIMEOUT_MS = 30_000
const HTTP_NOT_FOUND = 404

export type LogSource = {
  readonly name: string
  /** The file under the log's prefix, undefined when there is none. Throws CodedError when it cannot be told. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>
  /** All paths, where a listing exists: a web address has none. */
  readonly list: () => Promise<readonly string[]>
}

export function openLogSource(place: string): LogSource {
  return /^https?:\/\//.test(place) ? webSource(place) : folderSource(place)
}

function folderSource(folder: string): LogSource {
  return {
    name: folder,
    read: async (path) => (await readWithin(join(folder, path))) ?? absentIn(folder),
    list: async () => {
      const names = await readdir(folder, { recursive: true }).catch(() => [])
      return names.map((name) => name.replaceAll('\\', '/')).sort()
    },
  }
}

/** A file that is not there speaks against the log; a folder that is not there is a word mistyped. */
async function absentIn(folder: string): Promise<undefined> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isDirectory() !== true) throw new CodedError('AUDIT_STORE', `expected a folder ${folder}, got none`)
  return undefined
}

async function readWithin(path: string): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path)
    if (size > FILE_BYTES_MAX) throw tooLong(path, size)
    return new Uint8Array(await readFile(path))
  } catch (cause) {
    if (isCoded(cause)) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new CodedError('AUDIT_STORE', `expected to read ${path}, got ${code}`, { cause })
  }
}

function webSource(address: string): LogSource {
  const base = address.endsWith('/') ? address : `${address}/`
  return { name: address, read: (path) => fetchWithin(new URL(path, base)), list: async () => [] }
}

async function fetchWithin(url: URL): Promise<Uint8Array | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
    if (response.status === HTTP_NOT_FOUND) {
      await response.body?.cancel()
      return undefined
    }
    if (!response.ok) throw new CodedError('AUDIT_STORE', `expected ${url}, got status ${response.status}`)
    return await readBody(url.href, response)
  } catch (cause) {
    if (isCoded(cause)) throw cause
    throw new CodedError('AUDIT_STORE', `expected ${url}, got ${(cause as Error).message}`, { cause })
  }
}

/** A server may send without end: what arrives is counted, never what it announces. */
async function readBody(name: string, response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > FILE_BYTES_MAX) throw tooLong(name, size)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function tooLong(name: string, size: number): CodedError {
  return new CodedError('AUDIT_STORE', `expected at most ${FILE_BYTES_MAX} bytes in ${name}, got ${size}`)
}
