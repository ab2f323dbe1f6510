/**
 * The distribution's own Redis package, unpacked into a folder of ours: no root, no system service.
 * apt itself says which packages are missing here, since library names differ between releases.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { RedisProgram } from './program.ts'

type AptOptions = readonly string[]
type IsUsable = (program: RedisProgram) => Promise<boolean>

const PACKAGES = ['redis-server', 'valkey-server'] as const
const MISSING_PACKAGES_MAX = 40
const APT_TIMEOUT_MS = 180_000
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

/** Downloads once; later calls find the unpacked program. Throws when no package can be had or none of them runs. */
export async function downloadRedis(cacheDir: string, isUsable: IsUsable): Promise<RedisProgram> {
  const ready = findProgram(join(cacheDir, 'root'))
  if (ready !== undefined && (await isUsable(ready))) return ready
  mkdirSync(cacheDir, { recursive: true })
  try {
    return await fetchAndUnpack(cacheDir, [], isUsable)
  } catch {
    // The system's lists are empty or name versions that are gone. Lists of our own need no root either.
    return await fetchAndUnpack(cacheDir, await updateOwnLists(cacheDir), isUsable)
  }
}

async function updateOwnLists(cacheDir: string): Promise<AptOptions> {
  for (const folder of ['lists/partial', 'apt/archives/partial']) mkdirSync(join(cacheDir, folder), { recursive: true })
  const options = ['-o', `Dir::State::Lists=${join(cacheDir, 'lists')}`, '-o', `Dir::Cache=${join(cacheDir, 'apt')}`]
  await apt(['update', ...options], cacheDir)
  return options
}

// Unpacked beside its place and renamed into it: a run that is cut off leaves nothing that looks finished.
async function fetchAndUnpack(cacheDir: string, options: AptOptions, isUsable: IsUsable): Promise<RedisProgram> {
  const work = join(cacheDir, `unpack-${process.pid}`)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'root'), { recursive: true })
  try {
    await apt(['download', ...options, ...(await missingPackages(options))], work)
    for (const name of readdirSync(work).filter((file) => file.endsWith('.deb'))) {
      await exec('dpkg', ['-x', join(work, name), join(work, 'root')], work)
    }
    const trial = findProgram(join(work, 'root'))
    if (trial === undefined || !(await isUsable(trial)))
      throw new Error('the unpacked Redis does not start on this system')
    return settle(join(work, 'root'), join(cacheDir, 'root'))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function settle(from: string, to: string): RedisProgram {
  rmSync(to, { recursive: true, force: true })
  renameSync(from, to)
  const program = findProgram(to)
  if (program === undefined) throw new Error(`no Redis program under ${to}`)
  return program
}

/** The first of our packages that this release has, with every package of it that is not installed. */
async function missingPackages(options: AptOptions): Promise<string[]> {
  for (const name of PACKAGES) {
    const plan = await simulate(name, options)
    if (plan === undefined) continue
    const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, found = '']) => found)
    if (missing.length > MISSING_PACKAGES_MAX) throw new Error(`${name} would bring ${missing.length} packages`)
    // An installed package that is off PATH is not in the plan, so it is named as well.
    return [...new Set([name, ...missing])]
  }
  throw new Error(`apt knows none of ${PACKAGES.join(', ')}`)
}

async function simulate(name: string, options: AptOptions): Promise<string | undefined> {
  try {
    return await apt(['-s', 'install', '-y', '--no-install-recommends', ...options, name], '/')
  } catch {
    return undefined
  }
}

function findProgram(root: string): RedisProgram | undefined {
  const places = ['usr/bin/redis-server', 'usr/bin/valkey-server', 'bin/redis-server'].map((place) => join(root, place))
  const path = places.find((place) => existsSync(place))
  if (path === undefined) return undefined
  const libraries = readdirSync(root, { recursive: true, withFileTypes: true }).filter(({ name }) =>
    /\.so(\.|$)/.test(name),
  )
  return { path, libraryPath: [...new Set(libraries.map(({ parentPath }) => parentPath))].join(delimiter) }
}

// As root apt would drop to a user that cannot write into our folder; the packages' signatures are checked either way.
function apt(words: readonly string[], cwd: string): Promise<string> {
  const sandbox = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []
  return exec('apt-get', ['-q', ...sandbox, ...words], cwd)
}

async function exec(command: string, words: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  const options = { cwd, env, timeout: APT_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX }
  return (await promisify(execFile)(command, words, options)).stdout
}
