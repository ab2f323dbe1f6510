import { expect } from 'chai'
import { findFaults } from '../../scripts/tidy.ts'

const CORE = 'enclave/core/apply.ts'
const PLAN = 'workers/3-broadcast/plan.ts'

/** Each row plants one text in one place and names the one rule that must find it. */
const PLANTS: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['impure', CORE, 'export const at = Date.now()'],
  ['impure', CORE, 'export const at = new Date()'],
  ['impure', PLAN, 'export const jitterMs = Math.random()'],
  ['computed-import', CORE, 'export const load = (name: string) => import(name)'],
  ['computed-import', 'auditor/replay.ts', "export const load = (n: string) => import('./' + n)"],
  ['money-as-float', 'host/chain.ts', 'export const shown = (balanceWei: bigint) => Number(balanceWei)'],
  ['money-as-float', 'api/main.ts', 'export const shown = (amount: string) => parseFloat(amount)'],
  ['lost-cause', 'host/chain.ts', "try { f() } catch (cause) { throw new Error('gone') }"],
  ['lost-cause', 'host/chain.ts', "try { f() } catch { throw new Error('gone') }"],
  ['silent-catch', 'host/chain.ts', 'try { f() } catch {}'],
  ['test-retry', 'test/unit/a.test.ts', 'describe("x", function () { this.retries(2) })'],
  ['doubled-title', 'test/unit/a.test.ts', 'it("pays once", () => {}); it("pays once", () => {})'],
  ['empty-title', 'test/unit/a.test.ts', 'it("works", () => {})'],
  ['leftover', 'host/chain.ts', '// TODO later'],
  ['leftover', 'contracts/LedgerAnchor.sol', '// FIXME'],
  ['leftover', 'docs/GLOSSARY.md', 'Coming next: coming soon'],
  ['machine-path', 'docs/OPERATIONS.md', 'see /home/someone/ledger'],
  ['machine-path', 'scripts/start/main.ts', "const data = '/root/data'"],
  ['package-host', '.npmrc', 'registry=https://registry.npmjs.org/'],
  ['lock-names-host', 'package-lock.json', '{ "resolved": "http://mirror.test/a.tgz" }'],
  ['secret', 'scripts/key.txt', '-----BEGIN RSA PRIVATE KEY-----'],
  ['secret', 'host/config.ts', `export const privateKey = '0x${'ab'.repeat(32)}'`],
  ['long-file', 'contracts/Long.sol', 'x\n'.repeat(401)],
  ['drawer', 'host/utils/a.md', 'a'],
  ['barrel', 'host/index.ts', 'export const a = 1'],
  ['emoji', 'docs/GLOSSARY.md', 'done \u{1F680}'],
  ['dead-file', 'host/unused.ts', 'export const a = 1'],
  ['dead-file', 'test/e2e/unused.ts', 'export const a = 1'],
]

/** Near misses: the same words where they are allowed. */
const HONEST: readonly (readonly [why: string, path: string, text: string])[] = [
  ['a clock outside core and plans', 'scripts/bench/main.ts', 'export const at = Date.now()'],
  ['a forbidden name in a comment of core', CORE, '// Date.now() is never read here\nexport const a = 1'],
  ['a literal dynamic import', CORE, "export const load = () => import('./state.ts')"],
  ['a count that is no money', 'scripts/chain.ts', 'export const n = (balanceIndex: string) => Number(balanceIndex)'],
  ['a kept cause', 'scripts/a.ts', "try { f() } catch (cause) { throw new Error('gone', { cause }) }"],
  ['a catch that says why it is silent', 'scripts/a.ts', 'try { f() } catch {\n  // absent is fine\n}'],
  ['a file of exactly 400 lines', 'contracts/Long.sol', 'x\n'.repeat(400)],
  [
    'one title under two suites',
    'test/a.test.ts',
    'describe("a", () => { it("t", f) }); describe("b", () => { it("t", f) })',
  ],
]

describe('the word check', () => {
  for (const [rule, path, text] of PLANTS) {
    it(`names ${rule} for ${JSON.stringify(text.slice(0, 50))} in ${path}`, () => {
      const rules = findFaults([{ path, text }, named(path)]).map((fault) => fault.rule)
      const others = rule === 'dead-file' ? [] : ['dead-file']
      expect(rules.filter((found) => !others.includes(found))).to.deep.equal([rule])
    })
  }

  for (const [why, path, text] of HONEST) {
    it(`lets ${why} pass`, () => {
      expect(findFaults([{ path, text }, named(path)])).to.deep.equal([])
    })
  }

  it('gives the line of the fault, counting from 1', () => {
    const [fault] = findFaults([{ path: 'docs/A.md', text: 'one\ntwo\nthree FIXME\n' }])
    expect(fault).to.deep.include({ path: 'docs/A.md', line: 3, rule: 'leftover' })
  })
})

/** A file that imports the planted one, so that it is not dead. */
function named(path: string): { path: string; text: string } {
  const imports = path.endsWith('unused.ts') ? '' : `import '../${path}'`
  return { path: 'scripts/names.ts', text: imports }
}
