/**
 * What a guest boots: our Node with its libraries, the enclave's folder with the packages it may import, busybox and the
 * modules of vsock, and at the end what one run adds. Nothing is compressed: under emulation unpacking costs more than
 * reading.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, realpathSync, writeSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { addonFile } from '../../enclave/shell/native/build.ts'
import { type CpioEntry, cpioParts, type FileMode } from './cpio.ts'
import type { GuestTools } from './tools.ts'

export type GuestFile = { readonly path: string; readonly content: Uint8Array | string; readonly mode?: FileMode }

export const GUEST_ROOT = '/app'
const ROOT = join(import.meta.dirname, '..', '..')
/** Of the enclave's list in .dependency-cruiser.cjs; what these need comes with them. */
const PACKAGES = [
  'zod',
  '@noble/hashes',
  '@noble/curves',
  'secp256k1',
  'hash-wasm',
  'viem',
  '@aws-sdk/client-kms',
  '@smithy/node-http-handler',
]
const PACKAGES_MAX = 400
const NEEDED_AT_RUN_TIME = /\.(js|mjs|cjs|json|node|wasm)$/
const NOT_NEEDED = /\/(_types|dist-types|src)\//
/** In the order in which they build on each other; loopback lets two processes of the guest meet. */
const MODULES = ['vsock', 'vmw_vsock_virtio_transport_common', 'vmw_vsock_virtio_transport', 'vsock_loopback']
const MODULE_BYTES_MAX = 16 * 1024 * 1024
const APPLETS = ['sh', 'mount', 'mkdir', 'insmod', 'poweroff', 'sleep']

const INIT = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in ${MODULES.join(' ')}; do insmod /modules/$module.ko || echo "guest: no $module"; done
cd ${GUEST_ROOT}
export HOME=/tmp PATH=/bin
/bin/sh ${GUEST_ROOT}/run.sh
echo "guest: run.sh ended with $?"
poweroff -f
`

/** What one run adds to the enclave: files, and packages with all that these need. */
export type GuestExtra = { readonly files?: readonly GuestFile[]; readonly packages?: readonly string[] }

/** Writes the archive to `path`. `run` is a shell script; with it the guest ends. */
export async function writeImage(
  path: string,
  tools: GuestTools,
  run: string,
  { files: added = [], packages = [] }: GuestExtra,
): Promise<void> {
  const files: GuestFile[] = [
    ...systemFiles(tools),
    ...nodeFiles(),
    ...(await enclaveFiles([...PACKAGES, ...packages])),
    ...added,
    { path: '/init', content: INIT, mode: 'program' },
    { path: `${GUEST_ROOT}/run.sh`, content: run },
  ]
  const out = openSync(path, 'w')
  try {
    for (const part of cpioParts(entriesOf(files))) writeSync(out, part)
  } finally {
    closeSync(out)
  }
}

/** Each folder before what lies in it, once. */
function entriesOf(files: readonly GuestFile[]): CpioEntry[] {
  const folders = new Set(['proc', 'sys', 'dev', 'tmp'])
  for (const { path } of files) addFolders(folders, dirname(path.slice(1)))
  return [
    ...[...folders].sort().map((path): CpioEntry => ({ kind: 'folder', path })),
    ...files.map(
      ({ path, content, mode = 'file' }): CpioEntry => ({
        kind: 'file',
        path: path.slice(1),
        content: typeof content === 'string' ? Buffer.from(content) : content,
        mode,
      }),
    ),
  ]
}

function addFolders(folders: Set<string>, folder: string): void {
  for (let at = folder; at !== '.' && at !== '' && !folders.has(at); at = dirname(at)) folders.add(at)
}

function systemFiles(tools: GuestTools): GuestFile[] {
  const busybox = readFileSync(tools.busybox)
  return [
    ...APPLETS.map((name): GuestFile => ({ path: `/bin/${name}`, content: busybox, mode: 'program' })),
    ...MODULES.map((name) => ({ path: `/modules/${name}.ko`, content: unpacked(tools.modules(name)) })),
  ]
}

function unpacked(path: string): Uint8Array {
  return execFileSync('xz', ['--decompress', '--stdout', path], { maxBuffer: MODULE_BYTES_MAX })
}

/** Our Node and the libraries that it asks the loader for, each where the loader will look. */
function nodeFiles(): GuestFile[] {
  const node = realpathSync(process.execPath)
  const said = execFileSync('ldd', [node], { encoding: 'utf8' })
  const libraries = [...said.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path)
  return [
    { path: '/bin/node', content: readFileSync(node), mode: 'program' },
    ...libraries.map((path): GuestFile => ({ path, content: readFileSync(realpathSync(path)), mode: 'program' })),
  ]
}

async function enclaveFiles(packages: readonly string[]): Promise<GuestFile[]> {
  const addon = await addonFile()
  return [
    copyOf('package.json'),
    ...filesUnder('enclave').map(copyOf),
    ...packageFolders(packages).flatMap((folder) => filesUnder(folder).filter(isNeeded).map(copyOf)),
    { path: join(GUEST_ROOT, '.cache/native', basename(addon)), content: readFileSync(addon) },
  ]
}

function copyOf(path: string): GuestFile {
  return { path: join(GUEST_ROOT, path), content: readFileSync(join(ROOT, path)) }
}

function isNeeded(path: string): boolean {
  return NEEDED_AT_RUN_TIME.test(path) && !NOT_NEEDED.test(path)
}

/** Files of a folder of the project, those of packages inside packages left out: they are named on their own. */
function filesUnder(folder: string): string[] {
  const full = join(ROOT, folder)
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(full, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split('/').includes('node_modules'))
    .sort()
    .map((path) => join(folder, path))
}

/** The folders of these packages and of all that they need, from the root of the project. */
function packageFolders(names: readonly string[]): string[] {
  const found = new Set<string>()
  const queue = names.map((name) => ({ name, from: '.' }))
  for (let next = queue.pop(); next !== undefined && found.size < PACKAGES_MAX; next = queue.pop()) {
    const folder = folderOf(next.name, next.from)
    if (found.has(folder)) continue
    found.add(folder)
    const { dependencies = {} } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest
    for (const name of Object.keys(dependencies)) queue.push({ name, from: folder })
  }
  return [...found].sort()
}

type Manifest = { readonly dependencies?: { readonly [name: string]: string } }

/** As Node resolves it: in node_modules beside the asking package, then further up. */
function folderOf(name: string, from: string): string {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name)
    if (existsSync(join(ROOT, folder))) return folder
    if (at === '.') throw new Error(`${from} needs ${name}, which is not installed`)
  }
}
