import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'

const ROOT = join(import.meta.dirname, '..', '..')
const BIOME = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
const HONEST = 'export const answer = (): number => 42\n'

/** One fault each, in a file where the rule holds. */
const PLANTS: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['noConsole', 'host/log.ts', "console.log('a')\n"],
  ['noExplicitAny', 'host/log.ts', 'export const a = (x: any): unknown => x\n'],
  ['noProcessEnv', 'workers/main.ts', "export const a = process.env['A']\n"],
  ['noFloatingPromises', 'host/log.ts', 'const f = async (): Promise<number> => 1\nf()\n'],
  ['noExcessiveLinesPerFunction', 'host/log.ts', `export function f(): void {\n${'  f()\n'.repeat(51)}}\n`],
  ['noExcessiveLinesPerFile', 'test/a.test.ts', 'export {}\n'.repeat(401)],
  ['useFilenamingConvention', 'host/AuditLog.ts', HONEST],
  ['noEnum', 'host/log.ts', 'export enum Phase {\n  Cold,\n}\n'],
  ['noParameterProperties', 'host/log.ts', 'export class A {\n  constructor(readonly a: string) {}\n}\n'],
  ['noNonNullAssertion', 'host/log.ts', 'export const f = (a?: string): number => a!.length\n'],
  ['noBarrelFile', 'host/all.ts', "export { a } from './log.ts'\n"],
  ['noFocusedTests', 'test/a.test.ts', "it.only('a', () => {})\n"],
  ['noSkippedTests', 'test/a.test.ts', "it.skip('a', () => {})\n"],
  ['useImportType', 'host/log.ts', "import { Hash } from 'node:crypto'\nexport type A = Hash\n"],
  ['format', 'host/log.ts', 'export const a = "double";\n'],
]

/** The same words where they are allowed. */
const ALLOWED: readonly (readonly [why: string, path: string, text: string])[] = [
  ['plain code', 'host/log.ts', HONEST],
  ['the environment in a script', 'scripts/start/main.ts', "export const a = process.env['A']\n"],
  ['a long suite in a test', 'test/a.test.ts', `describe('a', () => {\n${'  beforeStep()\n'.repeat(60)}})\n`],
  ['a function of 50 lines', 'host/log.ts', `export function f(): void {\n${'  f()\n'.repeat(48)}}\n`],
]

describe('the linter settings', function () {
  this.timeout(300_000)
  let tree = ''

  beforeEach(() => {
    tree = mkdtempSync(join(tmpdir(), 'linter-'))
    for (const name of ['biome.json', 'package.json', 'tsconfig.json', '.gitignore'])
      cpSync(join(ROOT, name), join(tree, name))
    symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  })

  afterEach(() => rmSync(tree, { recursive: true, force: true }))

  for (const [rule, path, text] of PLANTS) {
    it(`refuse by ${rule} what is planted in ${path}`, () => {
      const { status, report } = lint(tree, path, text)
      expect(status).to.equal(1)
      expect(report).to.match(new RegExp(`\\b${rule}\\b`))
    })
  }

  for (const [why, path, text] of ALLOWED) {
    it(`let ${why} pass`, () => {
      const { status, report } = lint(tree, path, text)
      expect(status, report).to.equal(0)
    })
  }
})

function lint(tree: string, path: string, text: string): { status: number | null; report: string } {
  mkdirSync(join(tree, dirname(path)), { recursive: true })
  writeFileSync(join(tree, path), text)
  const words = [BIOME, 'check', '--error-on-warnings', '--colors=off', path]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: tree, encoding: 'utf8' })
  return { status, report: stdout + stderr }
}
