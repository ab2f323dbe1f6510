import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { ENVIRONMENT, HostSettings } from '../../host/config.ts'
import { pagesAt, ROOT, readPage } from './pages.ts'

const SOURCE = /(?<!\.test|\.t)\.(?:ts|sol|c)$/
const NAMED_FILE = /`([\w./-]+\.(?:ts|sol|c|mjs))`/g

/** Pages of one folder that are a table of its files. */
const MAPS = pagesAt('*/README.md')

describe('the page of a folder', () => {
  for (const page of MAPS) {
    const folder = dirname(page)

    it(`names no source file that is not there: ${page}`, () => {
      const named = [...readPage(page).matchAll(NAMED_FILE)].map(([, name = '']) => name)
      expect(named.filter((name) => !anywhere(folder, name))).to.deep.equal([])
    })

    // Helpers of tests are found beside their tests.
    if (page.startsWith('test/')) continue
    it(`names every source file that is there: ${page}`, () => {
      const files = readdirSync(join(ROOT, folder)).filter((name) => SOURCE.test(name))
      expect(files.filter((name) => !readPage(page).includes(`\`${name}\``))).to.deep.equal([])
    })
  }

  it('is there for every folder at the top that holds sources', () => {
    const folders = readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !BUILT.has(entry.name))
      .map(({ name }) => name)
    expect(folders.filter((name) => name !== 'docs' && !MAPS.includes(`${name}/README.md`))).to.deep.equal([])
  })
})

/** What set-up makes. */
const BUILT: ReadonlySet<string> = new Set(['node_modules', 'artifacts', 'cache'])
/** Files that a page names as a kind, such as each stage's `plan.ts`. */
const KINDS: ReadonlySet<string> = new Set(['plan.ts', 'worker.ts'])

function anywhere(folder: string, name: string): boolean {
  return KINDS.has(name) || existsSync(join(ROOT, folder, name)) || existsSync(join(ROOT, name))
}

describe('docs/ARCHITECTURE.md', () => {
  it('lists every decision that has a record', () => {
    const page = readPage('docs/ARCHITECTURE.md')
    const records = readdirSync(join(ROOT, 'docs', 'adr'))
    expect(records.filter((name) => !page.includes(`(adr/${name})`))).to.deep.equal([])
  })
})

describe('docs/OPERATIONS.md', () => {
  const page = readPage('docs/OPERATIONS.md')
  const section = page.slice(page.indexOf('\n## Settings'), page.indexOf('\n## Processes'))
  const rows = [...section.matchAll(/^\| (`[^|]*`) \| ([^|]*) \|/gm)].map(([, names = '', values = '']) => ({
    names: [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    values,
  }))

  it('lists every setting of host.json and no other', () => {
    const named = rows.flatMap(({ names }) => names).sort()
    expect(named).to.deep.equal(Object.keys(HostSettings.shape).sort())
  })

  it('gives each setting the default that it has', () => {
    const defaults: Record<string, unknown> = HostSettings.parse({
      chainId: 1,
      anchor: `0x${'11'.repeat(20)}`,
      rpcUrls: ['http://127.0.0.1'],
      enclaveEndpoint: 'unix:///enclave.sock',
    })
    const compared = rows.filter(({ values }) => !/^(none|as in)\b/.test(values))
    for (const { names, values } of compared)
      expect(values.replaceAll('`', ''), names.join()).to.equal(names.map((name) => String(defaults[name])).join(', '))
    expect(compared.length).to.be.at.least(14)
  })

  it('lists every name of the environment that replaces one', () => {
    const named = [...section.matchAll(/`(ANCHORHOLD_\w+)`/g)].map(([, name = '']) => name)
    expect(named.sort()).to.deep.equal(Object.keys(ENVIRONMENT).sort())
  })
})
