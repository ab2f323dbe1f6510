import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'

const ROOT = join(import.meta.dirname, '..', '..')
const BOOTSTRAP = 'scripts/bootstrap/bootstrap.mjs'
const STAMP = 'node_modules/.anchorhold-lock'
const DEATH_POLL_MS = 100
const DEATH_POLLS_MAX = 600
const EMPTY_LOCK = JSON.stringify({
  name: 'a',
  version: '1.0.0',
  lockfileVersion: 3,
  packages: { '': { name: 'a', version: '1.0.0' } },
})

const REPORTS = `
  const { argv, pid, version } = process
  process.on('SIGTERM', () => process.exit(42))
  process.on('SIGINT', () => process.exit(43))
  console.log(JSON.stringify({ words: argv.slice(2), version, pid }))
  if (argv.includes('wait')) setTimeout(() => {}, 20_000)
  else process.exitCode = Number(argv[2] ?? 0)`

describe('the bootstrap', function () {
  this.timeout(300_000)
  let tree = ''
  const started: ChildProcess[] = []

  beforeEach(() => {
    tree = mkdtempSync(join(tmpdir(), 'bootstrap-'))
    cpSync(join(ROOT, 'scripts/bootstrap'), join(tree, 'scripts/bootstrap'), { recursive: true })
    write(tree, 'package.json', JSON.stringify({ name: 'a', version: '1.0.0', type: 'module' }))
    write(tree, 'package-lock.json', EMPTY_LOCK)
    write(tree, 'report.ts', REPORTS)
  })

  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL')
    rmSync(tree, { recursive: true, force: true })
  })

  it('installs into a bare clone, stamps the lock and hands the words to the script', () => {
    const { status, stdout } = bootstrap(tree, '--no-contracts', '--', 'report.ts', '0', '--once', 'a b')
    expect(JSON.parse(stdout)).to.deep.include({ words: ['0', '--once', 'a b'] })
    expect(status).to.equal(0)
    expect(readFileSync(join(tree, STAMP), 'utf8')).to.equal(sha256(EMPTY_LOCK))
  })

  it('installs nothing when the stamp fits the lock', () => {
    write(tree, STAMP, sha256(EMPTY_LOCK))
    const { stderr, status } = bootstrap(tree, '--no-contracts', '--', 'report.ts')
    expect({ stderr, status }).to.deep.equal({ stderr: '', status: 0 })
  })

  it('installs again when the lock has changed since', () => {
    write(tree, STAMP, sha256('another lock'))
    expect(bootstrap(tree, '--no-contracts', '--', 'report.ts').stderr).to.include('installing packages')
  })

  it("keeps the script's standard output free of its own words", () => {
    expect(bootstrap(tree, '--no-contracts', '--', 'report.ts').stdout.trim().split('\n')).to.have.length(1)
  })

  it("ends with the script's exit code", () => {
    expect(bootstrap(tree, '--no-contracts', '--', 'report.ts', '7').status).to.equal(7)
  })

  for (const [signal, code] of [
    ['SIGTERM', 42],
    ['SIGINT', 43],
  ] as const) {
    it(`passes ${signal} on and ends as the script does`, async () => {
      const child = startIn(tree)
      started.push(child)
      await firstLine(child)
      child.kill(signal)
      expect(await exitOf(child)).to.deep.equal({ code, signal: null })
    })
  }

  it('ends the script when the shell that npm put between is killed', async () => {
    // The second command keeps the shell from becoming the first one.
    const line = `"${process.execPath}" ${BOOTSTRAP} --no-contracts -- report.ts wait; :`
    const shell = spawn('sh', ['-c', line], { cwd: tree, stdio: ['ignore', 'pipe', 'ignore'] })
    started.push(shell)
    const { pid } = JSON.parse(await firstLine(shell)) as { pid: number }
    expect(isAlive(pid)).to.equal(true)
    shell.kill('SIGKILL')
    for (let poll = 0; poll < DEATH_POLLS_MAX && isAlive(pid); poll++) await sleep(DEATH_POLL_MS)
    expect(isAlive(pid)).to.equal(false)
  })

  it('says in one line that the packages could not be installed and what to type', () => {
    // A package that the lock does not hold: npm refuses before it asks any network.
    const wanted = { name: 'a', version: '1.0.0', type: 'module', dependencies: { absent: '1.0.0' } }
    write(tree, 'package.json', JSON.stringify(wanted))
    const { status, stderr, stdout } = bootstrap(tree, '--no-contracts', '--', 'report.ts')
    expect({ status, stdout }).to.deep.equal({ status: 1, stdout: '' })
    expect(stderr.trim().split('\n').at(-1)).to.match(/type: (npm|npx) /)
    expect(existsSync(join(tree, STAMP))).to.equal(false)
  })

  it('says in one line that npm is missing', () => {
    const { status, stderr } = bootstrapWith({ PATH: tree }, tree, '--no-contracts', '--', 'report.ts')
    expect(status).to.equal(1)
    expect(stderr.trim().split('\n').at(-1)).to.match(/^npm is missing/)
  })

  it('says how it is called when no script is named', () => {
    expect(bootstrap(tree, 'report.ts')).to.deep.include({ status: 1, stdout: '' })
  })

  it('does not wait for the turn of a set-up that was killed', () => {
    write(tree, '.cache/bootstrap.lock', String(spawnSync('true').pid))
    expect(bootstrap(tree, '--no-contracts', '--', 'report.ts').status).to.equal(0)
    expect(existsSync(join(tree, '.cache/bootstrap.lock'))).to.equal(false)
  })

  it('compiles the contracts once, and again only when a source changes', () => {
    linkCompiler(tree)
    const compiled = (): boolean => bootstrap(tree, '--', 'report.ts').stderr.includes('compiling contracts')
    expect([compiled(), compiled()]).to.deep.equal([true, false])
    utimesSync(join(tree, 'contracts/A.sol'), new Date(0), new Date(0))
    expect(compiled(), 'a new time is no new source').to.equal(false)
    write(
      tree,
      'contracts/A.sol',
      readFileSync(join(tree, 'contracts/A.sol'), 'utf8').replace('A {', 'A { uint256 public a;'),
    )
    expect(compiled()).to.equal(true)
  })

  it('stops before the script when the contracts do not compile', () => {
    linkCompiler(tree)
    write(tree, 'contracts/A.sol', 'contract {')
    const { status, stdout } = bootstrap(tree, '--', 'report.ts')
    expect({ status, stdout }).to.deep.equal({ status: 1, stdout: '' })
  })
})

/** The real compiler, borrowed from this repository's packages. */
function linkCompiler(tree: string): void {
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  cpSync(join(ROOT, 'package-lock.json'), join(tree, 'package-lock.json'))
  write(tree, 'contracts/A.sol', '// SPDX-License-Identifier: MIT\npragma solidity ^0.8.0;\ncontract A { }')
  write(
    tree,
    'hardhat.config.ts',
    `import { createRequire } from 'node:module'
     const path = createRequire(import.meta.url).resolve('solc/soljson.js')
     export default { solidity: { profiles: { default: { version: '0.8.37', path }, production: { version: '0.8.37', path } } } }`,
  )
}

function write(tree: string, path: string, text: string): void {
  mkdirSync(join(tree, dirname(path)), { recursive: true })
  writeFileSync(join(tree, path), text)
}

type Ended = { status: number | null; stdout: string; stderr: string }

function bootstrap(tree: string, ...words: string[]): Ended {
  return bootstrapWith({}, tree, ...words)
}

function bootstrapWith(env: NodeJS.ProcessEnv, tree: string, ...words: string[]): Ended {
  const options = { cwd: tree, encoding: 'utf8', env: { ...process.env, ...env } } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [BOOTSTRAP, ...words], options)
  return { status, stdout, stderr }
}

function startIn(tree: string): ChildProcess {
  const words = [BOOTSTRAP, '--no-contracts', '--', 'report.ts', 'wait']
  return spawn(process.execPath, words, { cwd: tree, stdio: ['ignore', 'pipe', 'ignore'] })
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the child has no output')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('the child ended without a line')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((done) => child.once('exit', (code, signal) => done({ code, signal })))
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
