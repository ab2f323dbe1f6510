/**
 * The addon as a file: built on first use from the C source beside this file, against the headers that came with the very
 * Node that runs. Nothing is downloaded and no install script is needed. An image is given the finished file.
 */
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { CodedError } from '../../protocol/errors.ts'

export type AddonBuild = {
  /** Where finished addons lie. */
  readonly cacheDir: string
  /** The C compiler. */
  readonly compiler: string
  /** The folder with node_api.h, or undefined to look beside the Node that runs. */
  readonly headers: string | undefined
}

const SOURCE = join(import.meta.dirname, 'addon.c')
const CACHE = join(import.meta.dirname, '..', '..', '..', '.cache', 'native')
const BUILD_MS_MAX = 120_000
const COMPILER_BYTES_MAX = 1024 * 1024
const COMPLAINT_CHARACTERS_MAX = 400
const KEY_CHARACTERS = 16
const FLAGS = [
  '-std=c11',
  '-O2',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-fstack-protector-strong',
  '-Wall',
  '-Wextra',
]
const LINKING = ['-Wl,-z,relro,-z,now']

/** The path of the addon, built if need be. Refuses VSOCK_UNAVAILABLE, with what is missing. */
export async function addonFile(chosen: Partial<AddonBuild> = {}): Promise<string> {
  if (process.platform !== 'linux') throw unavailable(`expected Linux, got ${process.platform}`)
  const build = { cacheDir: CACHE, compiler: compilerName(), headers: undefined, ...chosen }
  const path = join(build.cacheDir, `${addonKey()}.node`)
  if (!existsSync(path)) await compile(path, build)
  return path
}

/** Names source and Node together: another of either takes another addon. */
export function addonKey(): string {
  const hash = createHash('sha256').update(readFileSync(SOURCE)).update(FLAGS.join(' '))
  return `${process.version}-${process.arch}-${hash.digest('hex').slice(0, KEY_CHARACTERS)}`
}

function compilerName(): string {
  // biome-ignore lint/style/noProcessEnv: CC is how a machine names its compiler, and an enclave has none
  const chosen = process.env['CC']
  return chosen === undefined || chosen === '' ? 'cc' : chosen
}

// Built under a name of its own and renamed: of two first users each finds nothing or a whole file.
async function compile(path: string, { cacheDir, compiler, headers }: AddonBuild): Promise<void> {
  const include = headers ?? ownHeaders()
  const unfinished = `${path}.${randomUUID()}.tmp`
  const words = [...FLAGS, '-DNAPI_VERSION=8', `-I${include}`, SOURCE, '-o', unfinished, ...LINKING]
  mkdirSync(cacheDir, { recursive: true })
  try {
    await promisify(execFile)(compiler, words, { timeout: BUILD_MS_MAX, maxBuffer: COMPILER_BYTES_MAX })
    renameSync(unfinished, path)
  } catch (cause) {
    throw unavailable(complaint(compiler, cause), cause)
  } finally {
    rmSync(unfinished, { force: true })
  }
}

function complaint(compiler: string, cause: unknown): string {
  const { code, stderr } = cause as { code?: unknown; stderr?: unknown }
  if (code === 'ENOENT') return `expected a C compiler (gcc or clang, or one named by CC), found no ${compiler}`
  const said = typeof stderr === 'string' && stderr !== '' ? stderr : String(code)
  return `expected ${compiler} to build the addon, got: ${said.trim().slice(0, COMPLAINT_CHARACTERS_MAX)}`
}

/** The headers that came with this Node. Those of another major release would describe other structures. */
function ownHeaders(): string {
  const include = join(dirname(realpathSync(process.execPath)), '..', 'include', 'node')
  const major = process.versions.node.split('.')[0]
  const found = majorOf(join(include, 'node_version.h'))
  if (found === major && existsSync(join(include, 'node_api.h'))) return include
  const got = found === undefined ? 'none' : `those of Node ${found}`
  throw unavailable(`expected the headers of Node ${major} in ${include}, got ${got}`)
}

function majorOf(versionHeader: string): string | undefined {
  if (!existsSync(versionHeader)) return undefined
  return /^#define NODE_MAJOR_VERSION (\d+)$/m.exec(readFileSync(versionHeader, 'utf8'))?.[1]
}

export function unavailable(what: string, cause?: unknown): CodedError {
  return new CodedError('VSOCK_UNAVAILABLE', what, { cause })
}
