/**
 * What a guest with AF_VSOCK takes: QEMU, the device that gives the guest its vsock, a kernel with its modules, a static
 * busybox. All of it comes from the packages of Debian, unpacked into a folder of ours: no root, nothing is installed.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export type GuestTools = {
  readonly qemu: string
  /** Folders with the firmware that QEMU loads. */
  readonly firmware: readonly string[]
  readonly device: string
  readonly kernel: string
  /** Compressed modules by name, as vsock. */
  readonly modules: (name: string) => string
  readonly busybox: string
  /** What QEMU and the device need to find their libraries. */
  readonly env: NodeJS.ProcessEnv
}

/** A machine that cannot run a guest: not a failure, but a reason to be printed. */
export class GuestUnavailable extends Error {}

/** The release whose cloud kernel has both vsock and the driver of the NSM. */
const KERNEL_SUITE = 'trixie'
const KERNEL_PACKAGE = 'linux-image-cloud-amd64'
/** The only release that has the device; it needs nothing but libc. */
const DEVICE_SUITE = 'sid'
const DEVICE_PACKAGE = 'vhost-device-vsock'
const BUSYBOX_PACKAGE = 'busybox-static'
const QEMU_PACKAGE = 'qemu-system-x86'
/** Packages that no key in it signed are refused. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const PACKAGES_MAX = 120
const APT_MS_MAX = 240_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** Downloads once; later calls find the unpacked tools. Throws GuestUnavailable with the reason. */
export async function guestTools(cacheDir: string): Promise<GuestTools> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new GuestUnavailable(`the guest is of Linux x64, this machine of ${process.platform} ${process.arch}`)
  const root = join(cacheDir, 'root')
  if (!existsSync(root)) await fetchAll(cacheDir, root)
  return toolsIn(root)
}

async function fetchAll(cacheDir: string, root: string): Promise<void> {
  mkdirSync(cacheDir, { recursive: true })
  const work = join(cacheDir, `unpack-${process.pid}`)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'root'), { recursive: true })
  try {
    const apt = await openApt(work)
    await apt(['download', ...(await packagesOf(apt))])
    for (const name of readdirSync(work).filter((file) => file.endsWith('.deb')))
      await run('dpkg', ['-x', join(work, name), join(work, 'root')], work)
    // Renamed when whole: a run that is cut off leaves nothing that looks finished.
    renameSync(join(work, 'root'), root)
  } catch (cause) {
    throw new GuestUnavailable(`the packages of Debian cannot be had: ${firstLine(cause)}`, { cause })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

type Apt = (words: readonly string[], from?: string) => Promise<string>

/** apt with lists of our own, over three releases at the mirror that this machine uses. */
async function openApt(work: string): Promise<Apt> {
  const mirror = await debianMirror(work)
  const line = (suite: string) => `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`
  writeFileSync(join(work, 'sources.list'), [ownSuite(), KERNEL_SUITE, DEVICE_SUITE].map(line).join(''))
  for (const folder of ['lists/partial', 'apt/archives/partial']) mkdirSync(join(work, folder), { recursive: true })
  const options = [
    `Dir::Etc::SourceList=${join(work, 'sources.list')}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'apt')}`,
    // As root apt would drop to a user that cannot write into our folder; signatures are checked either way.
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((option) => ['-o', option])
  const apt: Apt = (words, program = 'apt-get') => run(program, [...options, ...words], work)
  await apt(['-q', 'update'])
  return apt
}

async function debianMirror(work: string): Promise<string> {
  const words = ['indextargets', '--format', '$(SITE)', 'Created-By: Packages', 'Label: Debian']
  const mirror = firstLine(await run('apt-get', words, work))
  if (mirror === '' || !existsSync(KEYRING)) throw new Error('apt knows no mirror of Debian here')
  return mirror
}

/** QEMU comes from the machine's own release, whose libraries it shares. */
function ownSuite(): string {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  if (codename === undefined) throw new Error('the release of this machine has no name')
  return codename
}

async function packagesOf(apt: Apt): Promise<string[]> {
  const suite = ownSuite()
  const plan = await apt(['-s', 'install', '--no-install-recommends', '-t', suite, `${QEMU_PACKAGE}/${suite}`])
  const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name)
  if (missing.length > PACKAGES_MAX) throw new Error(`QEMU would bring ${missing.length} packages`)
  const shown = await apt(['show', `${KERNEL_PACKAGE}/${KERNEL_SUITE}`], 'apt-cache')
  const kernel = /^Depends: (linux-image-\S+)/m.exec(shown)?.[1]
  if (kernel === undefined) throw new Error(`${KERNEL_PACKAGE} names no kernel`)
  return [
    ...new Set([QEMU_PACKAGE, ...missing].map((name) => `${name}/${suite}`)),
    `${kernel}/${KERNEL_SUITE}`,
    `${BUSYBOX_PACKAGE}/${KERNEL_SUITE}`,
    `${DEVICE_PACKAGE}/${DEVICE_SUITE}`,
  ]
}

function toolsIn(root: string): GuestTools {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())
  const find = (matches: (name: string) => boolean, what: string): string => {
    const found = files.find(({ name }) => matches(name))
    if (found === undefined) throw new GuestUnavailable(`${what} is not among the packages`)
    return join(found.parentPath, found.name)
  }
  const libraries = files.filter(({ name }) => /\.so(\.|$)/.test(name)).map(({ parentPath }) => parentPath)
  return {
    qemu: find((name) => name === 'qemu-system-x86_64', 'QEMU'),
    firmware: ['usr/share/qemu', 'usr/share/seabios'].map((place) => join(root, place)),
    device: join(root, 'usr/bin', DEVICE_PACKAGE),
    kernel: find((name) => name.startsWith('vmlinuz-'), 'a kernel'),
    modules: (module) => find((name) => name === `${module}.ko.xz`, `the module ${module}`),
    busybox: join(root, 'usr/bin/busybox'),
    env: { ...process.env, LD_LIBRARY_PATH: [...new Set(libraries)].join(delimiter) },
  }
}

async function run(command: string, words: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  const options = { cwd, env, timeout: APT_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX }
  return (await promisify(execFile)(command, words, options)).stdout
}

function firstLine(said: unknown): string {
  const text = said instanceof Error ? said.message : String(said)
  return text.trim().split('\n')[0] ?? ''
}
