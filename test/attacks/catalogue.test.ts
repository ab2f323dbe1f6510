import { strict as assert } from 'node:assert'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readMutants } from '../../scripts/test/mutants/patches.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGE = 'docs/THREAT_MODEL.md'
const ROW_FORM = /^\| ([ASFGN]\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]*)\|$/
/** A further protection of a row: `A7-b`. */
const FURTHER_FORM = /^\| ([ASFGN]\d+-[b-z]) \| ([^|]+) \| ([^|]+) \|$/
const LINK_FORM = /^\[[^\]]+\]\(\.\.\/([^)]+)\)$/
const REASON_FORM = /^(not built|no test|no mutant): \S+/

type Row = {
  readonly row: string
  readonly protection: string
  /** A path from the root, or why there is none. */
  readonly test: string
  readonly mutant: string
}

function readRows(): Row[] {
  const lines = readFileSync(join(ROOT, PAGE), 'utf8').split('\n')
  return lines.flatMap((line) => {
    const [, row, , protection, test, mutant] = ROW_FORM.exec(line) ?? []
    if (row === undefined) return []
    return [{ row, protection: cell(protection), test: linked(cell(test)), mutant: linked(cell(mutant)) }]
  })
}

type Further = { readonly name: string; readonly protection: string; readonly mutant: string }

function readFurther(): Further[] {
  const lines = readFileSync(join(ROOT, PAGE), 'utf8').split('\n')
  return lines.flatMap((line) => {
    const [, name, protection, mutant] = FURTHER_FORM.exec(line) ?? []
    return name === undefined ? [] : [{ name, protection: cell(protection), mutant: linked(cell(mutant)) }]
  })
}

function cell(text: string | undefined): string {
  return (text ?? '').trim()
}

function linked(text: string): string {
  return LINK_FORM.exec(text)?.[1] ?? text
}

describe('the tables of the threat model', () => {
  const rows = readRows()
  const mutants = new Map(readMutants(ROOT).map((mutant) => [mutant.name, mutant]))
  const built = rows.filter(({ test }) => !REASON_FORM.test(test))

  it('name every row of the catalogue, each once', () => {
    const count = { A: 27, S: 37, F: 22, G: 15, N: 25 }
    const names = rows.map(({ row }) => row)
    assert.equal(new Set(names).size, names.length, 'no row stands twice')
    for (const [letter, expected] of Object.entries(count)) {
      const found = names.filter((name) => name.startsWith(letter)).length
      assert.equal(found, expected, `rows ${letter}`)
    }
  })

  it('link a test that is there, or say why there is none', () => {
    for (const { row, test } of built) {
      assert.equal(test, `test/attacks/${row.toLowerCase()}.test.ts`, `${row} links its own test`)
      assert(existsSync(join(ROOT, test)), `${test} exists`)
    }
  })

  it('link a mutant for every test, and give its protection in its own words', () => {
    for (const { row, mutant, protection } of built) {
      if (REASON_FORM.test(mutant)) {
        assert(!mutants.has(row), `${row} has a mutant, and the page says why it has none`)
        continue
      }
      assert.equal(mutant, mutants.get(row)?.patch, `${row} links its own mutant`)
      assert.equal(protection, mutants.get(row)?.protection, `${row} says what its mutant takes out`)
    }
  })

  it('link every further mutant of a row, and give its protection in its own words', () => {
    const expected = [...mutants.values()]
      .filter(({ name, row }) => name !== row)
      .map(({ name, protection, patch }) => ({ name, protection, mutant: patch }))
    assert.deepEqual(readFurther(), expected)
  })

  it('leave no test and no mutant without its row', () => {
    const known = new Set(built.map(({ row }) => row.toLowerCase()))
    const files = readdirSync(join(ROOT, 'test/attacks')).flatMap(
      (name) => /^([a-z]\d+)\.test\.ts$/.exec(name)?.[1] ?? [],
    )
    assert.deepEqual(
      files.filter((name) => !known.has(name)),
      [],
      'tests without a row',
    )
    const patched = [...mutants.values()].map(({ row }) => row.toLowerCase())
    assert.deepEqual(
      patched.filter((row) => !known.has(row)),
      [],
      'mutants without a row',
    )
  })
})
