import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { findSnippets, runSnippet } from '../../scripts/docs/snippets.ts'
import { pagesAt, ROOT, readPage } from './pages.ts'

const PAGES = pagesAt('*.md')
const LINK = /\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)/g
const COMMAND = /(?:`|^)npm (?:run )?([a-z][a-z0-9:]*)\b/gm
const NPM_OWN = new Set(['ci', 'install', 'run', 'start', 'test'])

describe('the pages', function () {
  this.timeout(600_000)

  for (const snippet of PAGES.flatMap((page) => findSnippets(page, readPage(page)))) {
    it(`hold a snippet that runs as printed: ${snippet.page}:${snippet.line}`, () => {
      const { code, output } = runSnippet(snippet, ROOT)
      expect(code, output).to.equal(0)
    })
  }

  it('hold at least one snippet that is run', () => {
    expect(PAGES.flatMap((page) => findSnippets(page, readPage(page)))).to.not.deep.equal([])
  })

  it('link only to files that exist', () => {
    const broken = PAGES.flatMap((page) =>
      [...readPage(page).matchAll(LINK)]
        .map(([, target = '']) => target)
        .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
        .map((target) => `${page} -> ${target}`),
    )
    expect(broken).to.deep.equal([])
  })

  it('name only npm scripts that exist', () => {
    const { scripts } = JSON.parse(readPage('package.json')) as {
      scripts: Record<string, string>
    }
    const unknown = PAGES.flatMap((page) =>
      [...readPage(page).matchAll(COMMAND)]
        .map(([, name = '']) => name)
        .filter((name) => scripts[name] === undefined && !NPM_OWN.has(name))
        .map((name) => `${page}: npm run ${name}`),
    )
    expect(unknown).to.deep.equal([])
  })
})

describe('the snippet finder', () => {
  it('finds marked blocks only, with their line', () => {
    const page = 'text\n```sh\nfalse\n```\n```sh run\ntrue\n```\n'
    expect(findSnippets('a.md', page)).to.deep.equal([{ page: 'a.md', line: 5, language: 'sh', code: 'true\n' }])
  })

  it('reports a shell snippet that fails in its middle', () => {
    const [snippet] = findSnippets('a.md', '```sh run\nfalse\ntrue\n```\n')
    expect(snippet && runSnippet(snippet, ROOT).code).to.equal(1)
  })

  it('runs TypeScript with its types, and reports one that throws', () => {
    const honest =
      "```ts run\nimport { parseWei } from './enclave/protocol/money.ts'\nconst one: bigint = parseWei('1')\nif (one !== 1n) throw new Error()\n```\n"
    const [good] = findSnippets('a.md', honest)
    const [bad] = findSnippets('a.md', honest.replace("'1'", "'01'"))
    expect(good && runSnippet(good, ROOT)).to.deep.equal({ code: 0, output: '' })
    expect(bad && runSnippet(bad, ROOT).code).to.equal(1)
  })
})
