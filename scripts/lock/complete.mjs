// Adds to package-lock.json every optional package that npm left out of it.
//
// npm forgets the packages of other platforms when it cannot find them while it writes the lock, and `npm ci` then
// refuses the lock. Each one gets an entry without a hash, which npm fills in on the platform that installs it.
//
//   node scripts/lock/complete.mjs [--check] [package-lock.json]
//
// --check writes nothing and exits 1 when an entry is missing. Plain JavaScript: it runs before anything is installed.

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { argv, exit, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']
const PROCESSOR_NAMES = new Map([
  ['amd64', 'x64'],
  ['x86', 'ia32'],
])
const LIBRARIES = new Map([
  ['musl', 'musl'],
  ['gnu', 'glibc'],
  ['glibc', 'glibc'],
])
const EXACT_VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/

main()

function main() {
  const words = argv.slice(2)
  const checkOnly = words.includes('--check')
  const path = words.find((word) => !word.startsWith('--')) ?? join(ROOT, 'package-lock.json')
  const lock = JSON.parse(readFileSync(path, 'utf8'))
  const missing = missingOptional(lock.packages)
  for (const { location, wantedBy } of missing) stdout.write(`missing ${location}, wanted by ${wantedBy}\n`)
  stdout.write(`${missing.length} optional packages missing from the lock\n`)
  if (missing.length === 0) return
  if (checkOnly) {
    stdout.write('type: npm run lock\n')
    exit(1)
  }
  writeFileSync(path, `${JSON.stringify(withEntries(lock, missing), null, 2)}\n`)
}

function missingOptional(packages) {
  const found = []
  for (const [location, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isLocked(packages, location, name)) continue
      found.push({
        location: `node_modules/${name}`,
        wantedBy: location || 'the project',
        entry: entryFor(name, version),
      })
    }
  }
  return found
}

// Node's own search: beside the package that asks, then in each folder above.
function isLocked(packages, from, name) {
  const steps = from.split('/node_modules/')
  for (let depth = steps.length; depth > 0; depth--) {
    const folder = steps.slice(0, depth).join('/node_modules/')
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]) return true
  }
  return packages[`node_modules/${name}`] !== undefined
}

function entryFor(name, version) {
  // A range needs the registry's answer; guessing one here would lock a version nobody chose.
  if (!EXACT_VERSION.test(version))
    throw new Error(`${name} is wanted as "${version}": expected an exact version; add it by hand`)
  const words = name.split(/[^a-z0-9]+/i)
  const os = words.filter((word) => SYSTEMS.includes(word))
  const cpu = words.map((word) => PROCESSOR_NAMES.get(word) ?? word).filter((word) => PROCESSORS.includes(word))
  const libc = words.filter((word) => LIBRARIES.has(word)).map((word) => LIBRARIES.get(word))
  return { version, optional: true, ...(os.length && { os }), ...(cpu.length && { cpu }), ...(libc.length && { libc }) }
}

function withEntries(lock, missing) {
  const packages = { ...lock.packages }
  for (const { location, entry } of missing) packages[location] = entry
  const byLocation = ([a], [b]) => (a < b ? -1 : 1)
  return { ...lock, packages: Object.fromEntries(Object.entries(packages).sort(byLocation)) }
}
