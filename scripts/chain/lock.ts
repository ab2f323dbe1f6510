/** One process a folder. The file names its holder; a holder that no longer runs holds nothing. */
import { readFileSync, rmSync } from 'node:fs'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../../enclave/protocol/errors.ts'

export const LOCK_FILE = 'lock'
const ATTEMPTS_MAX = 5

/** Takes the folder and returns what gives it back. Refuses DATA_LOCKED while its holder lives. */
export async function lockFolder(dataDir: string): Promise<() => void> {
  const path = join(dataDir, LOCK_FILE)
  const mine = holderOf(process.pid)
  const draft = `${path}.${process.pid}`
  await writeFile(draft, mine)
  try {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      if (await tryLink(draft, path)) return () => rmSync(path, { force: true })
      await clearStale(path)
    }
  } finally {
    await rm(draft, { force: true })
  }
  throw new CodedError('DATA_LOCKED', `expected ${path} to be free, got a lock that keeps changing hands`)
}

// A hard link appears whole or not at all: nobody reads a lock that is half written.
async function tryLink(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function clearStale(path: string): Promise<void> {
  const holder = await readFile(path, 'utf8').catch(() => undefined)
  if (holder === undefined) return
  if (isAlive(holder)) throw new CodedError('DATA_LOCKED', `process ${holder.split(' ')[0]} works on this chain folder`)
  // Two starters may find the same dead holder: the one whose rename comes second must not remove the first one's lock.
  const aside = `${path}.stale.${process.pid}`
  await rename(path, aside).catch(() => undefined)
  const moved = await readFile(aside, 'utf8').catch(() => undefined)
  if (moved !== undefined && moved !== holder) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}

function isAlive(holder: string): boolean {
  const pid = Number.parseInt(holder, 10)
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return holder === holderOf(pid)
}

// Process ids are used again; with the moment of its start (where /proc tells it) a holder is not confused with another.
function holderOf(pid: number): string {
  const START_FIELD = 19
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_FIELD]}`
  } catch {
    return `${pid} -`
  }
}
