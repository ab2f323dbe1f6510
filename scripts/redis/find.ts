/** Where a Redis comes from: one that runs already, one that is installed, or one unpacked into our own cache folder. */
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { downloadRedis } from './download.ts'
import type { RedisProgram } from './program.ts'

export type FoundRedis =
  | { readonly kind: 'running'; readonly url: string }
  | { readonly kind: 'program'; readonly program: RedisProgram }

const PROGRAMS = ['redis-server', 'valkey-server']
/** BullMQ asks for 6.2. Valkey counts on from Redis 7.2. */
const VERSION_MIN = [6, 2] as const
const VERSION_TIMEOUT_MS = 10_000

/** The line to type for each package manager, in the order in which they are looked for. */
const INSTALL_LINES: readonly (readonly [string, string])[] = [
  ['brew', 'brew install redis'],
  ['apt-get', 'sudo apt-get install redis-server'],
  ['dnf', 'sudo dnf install valkey'],
  ['pacman', 'sudo pacman -S valkey'],
  ['apk', 'sudo apk add redis'],
  ['zypper', 'sudo zypper install redis'],
]

/**
 * In this order: REDIS_URL; redis-server or valkey-server on PATH; with apt-get, the distribution's package unpacked under
 * `cacheDir` (no rights needed, no service installed). Refuses REDIS_MISSING with the line to type on this system.
 */
export async function findRedis({ cacheDir }: { cacheDir: string }): Promise<FoundRedis> {
  const url = process.env['REDIS_URL']
  if (url !== undefined && url !== '') return { kind: 'running', url }
  for (const name of PROGRAMS) {
    const path = findOnPath(name)
    if (path !== undefined && (await isUsable({ path, libraryPath: undefined }))) {
      return { kind: 'program', program: { path, libraryPath: undefined } }
    }
  }
  return { kind: 'program', program: await unpacked(cacheDir) }
}

/** The first executable of that name on PATH. */
export function findOnPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** The environment in which a program finds the libraries that came with it. */
export function programEnv({ libraryPath }: RedisProgram): NodeJS.ProcessEnv {
  return libraryPath === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraryPath }
}

/** True for a program that starts here and is new enough. */
export async function isUsable(program: RedisProgram): Promise<boolean> {
  try {
    const options = { env: programEnv(program), timeout: VERSION_TIMEOUT_MS }
    const { stdout } = await promisify(execFile)(program.path, ['--version'], options)
    const [major = 0, minor = 0] = (/\bv=(\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number)
    return major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1])
  } catch {
    // A broken or foreign program is as good as none: the search goes on.
    return false
  }
}

async function unpacked(cacheDir: string): Promise<RedisProgram> {
  const line = INSTALL_LINES.find(([manager]) => findOnPath(manager) !== undefined)?.[1]
  const advice = line === undefined ? 'install Redis 6.2 or later, or set REDIS_URL' : `type: ${line}`
  const missing = (cause?: unknown) =>
    new CodedError(
      'REDIS_MISSING',
      `expected a Redis of version 6.2 or later on PATH or under REDIS_URL, found none; ${advice}`,
      {
        cause,
      },
    )
  if (findOnPath('apt-get') === undefined || findOnPath('dpkg') === undefined) throw missing()
  try {
    return await downloadRedis(cacheDir, isUsable)
  } catch (cause) {
    throw missing(cause)
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
