import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'

const ROOT = join(import.meta.dirname, '..', '..')
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')

/** Names of the world outside, none of which core may even spell. */
const OUTSIDE = [
  'process.exit(1)',
  "Buffer.from('a')",
  'setTimeout(() => {}, 1)',
  "fetch('http://a.test')",
  "console.log('a')",
  'crypto.getRandomValues(new Uint8Array(1))',
  'performance.now()',
  'globalThis.process',
  "require('fs')",
]

describe('the compiler settings of enclave/core', function () {
  this.timeout(300_000)
  let tree = ''

  beforeEach(() => {
    tree = mkdtempSync(join(tmpdir(), 'core-types-'))
    mkdirSync(join(tree, 'enclave/core'), { recursive: true })
    for (const name of ['tsconfig.json', 'package.json', 'enclave/core/tsconfig.json', 'enclave/core/globals.d.ts']) {
      cpSync(join(ROOT, name), join(tree, name))
    }
    symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  })

  afterEach(() => rmSync(tree, { recursive: true, force: true }))

  it('accept pure code that turns text into bytes', () => {
    expect(compile(tree, "export const bytes = new TextEncoder().encode('a')")).to.equal('')
  })

  it('do not know process, Buffer, fetch, timers, the console or any other name from outside', () => {
    const report = compile(tree, OUTSIDE.map((line) => `${line}\n`).join(''))
    const lines = new Set([...report.matchAll(/planted\.ts\((\d+),/g)].map(([, line]) => Number(line)))
    expect(
      OUTSIDE.filter((_, index) => !lines.has(index + 1)),
      report,
    ).to.deep.equal([])
  })

  it('refuse syntax that Node cannot strip, and an index that may be absent', () => {
    expect(compile(tree, 'export enum Phase { Cold }')).to.include('error TS')
    expect(compile(tree, 'export const first = (list: number[]): number => list[0]')).to.include('error TS')
  })
})

function compile(tree: string, text: string): string {
  writeFileSync(join(tree, 'enclave/core/planted.ts'), text)
  const words = [TSC, '--noEmit', '--pretty', 'false', '-p', 'enclave/core/tsconfig.json']
  return spawnSync(process.execPath, words, { cwd: tree, encoding: 'utf8' }).stdout
}
