import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'

const ROOT = join(import.meta.dirname, '..', '..')
const COMPLETE = join(ROOT, 'scripts', 'lock', 'complete.mjs')
const EXACT = /^\d+\.\d+\.\d+$/

type Entry = {
  version?: string
  integrity?: string
  resolved?: string
  optional?: boolean
  os?: string[]
  cpu?: string[]
}
type Lock = { packages: Record<string, Entry> }

describe('the lock file', () => {
  let folder = ''

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lock-'))
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('holds every optional platform package that any package wants', () => {
    const { status, stdout } = complete('--check', join(ROOT, 'package-lock.json'))
    expect(stdout).to.equal('0 optional packages missing from the lock\n')
    expect(status).to.equal(0)
  })

  it('is found incomplete when one platform package is taken out, and is made whole again', () => {
    const lock = readLock(join(ROOT, 'package-lock.json'))
    const copy = join(folder, 'package-lock.json')
    const name = 'node_modules/@biomejs/cli-darwin-arm64'
    delete lock.packages[name]
    writeFileSync(copy, JSON.stringify(lock))
    expect(complete('--check', copy).status).to.equal(1)
    expect(complete(copy).status).to.equal(0)
    expect(readLock(copy).packages[name]).to.deep.equal({
      version: '2.6.8',
      optional: true,
      os: ['darwin'],
      cpu: ['arm64'],
    })
    expect(complete('--check', copy).status).to.equal(0)
  })

  it('is left as it is by --check', () => {
    const copy = join(folder, 'package-lock.json')
    const text = JSON.stringify({ packages: { '': { optionalDependencies: { 'a-linux-x64': '1.0.0' } } } })
    writeFileSync(copy, text)
    complete('--check', copy)
    expect(readFileSync(copy, 'utf8')).to.equal(text)
  })

  it('refuses to guess the version of a package that is wanted by a range', () => {
    const copy = join(folder, 'package-lock.json')
    writeFileSync(copy, JSON.stringify({ packages: { '': { optionalDependencies: { 'a-linux-x64': '^1.0.0' } } } }))
    const { status, stderr } = complete(copy)
    expect(status).to.not.equal(0)
    expect(stderr).to.include('expected an exact version')
  })

  it('has a hash for every package that is not an optional one of another platform', () => {
    const { packages } = readLock(join(ROOT, 'package-lock.json'))
    const bare = Object.entries(packages).filter(([path, entry]) => path !== '' && !entry.integrity && !entry.optional)
    expect(bare.map(([path]) => path)).to.deep.equal([])
  })

  it('names no place that a package came from', () => {
    const { packages } = readLock(join(ROOT, 'package-lock.json'))
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).to.deep.equal([])
  })

  it('answers to a package.json in which every version is exact', () => {
    const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >
    const kinds = ['dependencies', 'devDependencies', 'optionalDependencies']
    const versions = kinds.flatMap((kind) => Object.values(wanted[kind] ?? {}))
    expect(versions.filter((version) => !EXACT.test(version))).to.deep.equal([])
  })
})

function complete(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [COMPLETE, ...words], { encoding: 'utf8' })
}

function readLock(path: string): Lock {
  return JSON.parse(readFileSync(path, 'utf8')) as Lock
}
