import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { lastLine, readCount } from '../../scripts/test/count.ts'
import { livingMembers } from '../../scripts/test/group.ts'
import { lanesOf } from '../../scripts/test/lanes.ts'

const ROOT = join(import.meta.dirname, '..', '..')

const PASSES = "describe('a', () => { it('holds', () => {}); it('holds too', () => {}) })"
const FAILS = "describe('b', () => { it('breaks', () => { throw new Error('no') }) })"

describe('the test runner', function () {
  this.timeout(300_000)
  let tree = ''

  beforeEach(() => {
    tree = mkdtempSync(join(tmpdir(), 'runner-'))
    for (const name of ['scripts/test', 'test/mocha', '.mocharc.json', 'package.json']) {
      cpSync(join(ROOT, name), join(tree, name), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  })

  afterEach(() => rmSync(tree, { recursive: true, force: true }))

  it('adds up the suites in its last line and succeeds when all tests pass', () => {
    plant(tree, 'test/unit/a.test.ts', PASSES)
    plant(tree, 'test/model/b.test.ts', PASSES.replace("'a'", "'c'"))
    expect(runIn(tree)).to.deep.equal({ code: 0, last: '4 passed, 0 failed' })
  })

  it('fails when one test of one suite fails, and still runs the others', () => {
    plant(tree, 'test/unit/b.test.ts', FAILS)
    plant(tree, 'test/model/a.test.ts', PASSES)
    expect(runIn(tree)).to.deep.equal({ code: 1, last: '2 passed, 1 failed' })
  })

  it('says at the end what failed, as the report of the suite does', () => {
    plant(tree, 'test/unit/b.test.ts', FAILS)
    plant(tree, 'test/vectors/a.test.ts', PASSES)
    const { stdout } = spawnSync(process.execPath, ['scripts/test/main.ts'], { cwd: tree, encoding: 'utf8' })
    const [report = '', end = ''] = stdout.split('\n== what failed in unit\n')
    for (const part of [report, end]) expect(part).to.match(/1 failing[\s\S]*breaks[\s\S]*Error: no/)
    expect(report).to.include('== vectors')
    expect(stdout).to.not.include('what failed in vectors')
  })

  it('counts skipped tests apart', () => {
    plant(tree, 'test/unit/a.test.ts', PASSES.replace("it('holds too', () => {})", "it('waits')"))
    expect(runIn(tree)).to.deep.equal({ code: 0, last: '1 passed, 0 failed, 1 skipped' })
  })

  it('fails when nothing ran', () => {
    expect(runIn(tree)).to.deep.equal({ code: 1, last: '0 passed, 0 failed' })
  })

  it('fails a suite that exits in the middle with success', () => {
    plant(tree, 'test/unit/a.test.ts', "describe('a', () => { it('leaves', () => { process.exit(0) }) })")
    expect(runIn(tree)).to.deep.equal({ code: 1, last: '0 passed, 1 failed' })
  })

  it('fails a suite that does not load', () => {
    plant(tree, 'test/unit/a.test.ts', "import './nowhere.ts'")
    expect(runIn(tree)).to.deep.equal({ code: 1, last: '0 passed, 1 failed' })
  })

  it('fails a suite with an exclusive test, which would hide the others', () => {
    plant(tree, 'test/unit/a.test.ts', PASSES.replace('it(', 'it.only('))
    expect(runIn(tree).code).to.equal(1)
  })

  it('runs a failing test once, not until it passes', () => {
    const flaky =
      "let runs = 0; describe('a', () => { it('passes late', () => { if (++runs < 2) throw new Error('no') }) })"
    plant(tree, 'test/unit/a.test.ts', flaky)
    expect(runIn(tree)).to.deep.equal({ code: 1, last: '0 passed, 1 failed' })
  })

  it('narrows to the named suite and to titles that match', () => {
    plant(tree, 'test/unit/a.test.ts', PASSES)
    plant(tree, 'test/model/b.test.ts', FAILS)
    expect(runIn(tree, '--suite', 'unit', '--grep', 'too')).to.deep.equal({ code: 0, last: '1 passed, 0 failed' })
  })

  it('refuses a suite that has no files', () => {
    plant(tree, 'test/unit/a.test.ts', PASSES)
    expect(runIn(tree, '--suite', 'models')).to.deep.equal({ code: 1, last: '0 passed, 1 failed' })
  })

  it('fails a suite that leaves a process behind, and ends that process', () => {
    const file = join(tree, 'pid')
    const code = `import { spawn } from 'node:child_process'
      import { writeFileSync } from 'node:fs'
      const child = spawn('sleep', ['60'], { stdio: 'ignore' })
      child.unref()
      writeFileSync(${JSON.stringify(file)}, String(process.pid))
      ${PASSES}`
    plant(tree, 'test/unit/a.test.ts', code)
    expect(runIn(tree)).to.deep.equal({ code: 1, last: '2 passed, 1 failed' })
    expect(livingMembers(Number(readFileSync(file, 'utf8')))).to.deep.equal([])
  })

  it('ends the running suites and starts no other when it is told to stop', async () => {
    const waits = "describe('a', () => { it('waits', (done) => { setTimeout(done, 9_000) }) })"
    const suites = ['unit', 'vectors', 'faults', 'model']
    for (const [at, name] of suites.entries()) plant(tree, `test/${name}/a.test.ts`, waits.replace("'a'", `'${at}'`))
    const runner = spawn(process.execPath, ['scripts/test/main.ts'], { cwd: tree, stdio: ['ignore', 'pipe', 'ignore'] })
    const lines = await linesUntilStopped(runner)
    const lanes = lanesOf(availableParallelism())
    expect(lines.filter((line) => line.startsWith('== '))).to.deep.equal(
      suites.slice(0, lanes).map((name) => `== ${name} (1 files)`),
    )
    expect(lines.at(-1)).to.equal(`0 passed, ${lanes} failed`)
  })

  it('gives the output of suites that run side by side one after the other', () => {
    plant(tree, 'test/unit/a.test.ts', "describe('a', () => { it('is slow', (done) => { setTimeout(done, 1_500) }) })")
    plant(tree, 'test/vectors/b.test.ts', PASSES)
    const { stdout } = spawnSync(process.execPath, ['scripts/test/main.ts'], { cwd: tree, encoding: 'utf8' })
    const heads = stdout.split('\n').filter((line) => line.startsWith('== ') || line.includes('✔'))
    expect(heads.map((line) => line.trim().split(' ')[1])).to.deep.equal(['unit', 'is', 'vectors', 'holds', 'holds'])
  })
})

describe('the counts of the test runner', () => {
  it('are read from the lines that mocha and Hardhat print, coloured or not', () => {
    expect(readCount('  12 passing (3s)')).to.deep.equal({ kind: 'passed', tests: 12 })
    expect(readCount('\u001b[31m  1 failing\u001b[0m')).to.deep.equal({ kind: 'failed', tests: 1 })
    expect(readCount('  2 pending')).to.deep.equal({ kind: 'skipped', tests: 2 })
  })

  it('are not read from a line that only speaks of passing', () => {
    for (const line of ['passing 3', '3 passings', 'all 3 passing', '-3 passing'])
      expect(readCount(line)).to.equal(undefined)
  })

  it('end in one exact form', () => {
    expect(lastLine({ passed: 1, failed: 0, skipped: 0 })).to.equal('1 passed, 0 failed')
    expect(lastLine({ passed: 1, failed: 2, skipped: 3 })).to.equal('1 passed, 2 failed, 3 skipped')
  })
})

function plant(tree: string, path: string, text: string): void {
  mkdirSync(join(tree, dirname(path)), { recursive: true })
  writeFileSync(join(tree, path), `${text}\n`)
}

function runIn(tree: string, ...words: string[]): { code: number | null; last: string | undefined } {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/test/main.ts', ...words], {
    cwd: tree,
    encoding: 'utf8',
  })
  return { code: status, last: stdout.trimEnd().split('\n').at(-1) }
}

async function linesUntilStopped(runner: ChildProcess): Promise<string[]> {
  const lines: string[] = []
  if (runner.stdout === null) return lines
  for await (const line of createInterface({ input: runner.stdout })) {
    lines.push(line)
    if (line.startsWith('== unit')) setTimeout(() => runner.kill('SIGTERM'), 500)
  }
  return lines
}
