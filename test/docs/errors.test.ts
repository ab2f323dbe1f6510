import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ERRORS } from '../../enclave/protocol/errors.ts'
import { ERRORS_PAGE, errorsPage } from '../../scripts/docs/errors.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CODE_FORM = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/

describe('docs/ERRORS.md', () => {
  it('is what the catalogue prints; npm run docs:errors makes it so', () => {
    expect(readFileSync(join(ROOT, ERRORS_PAGE), 'utf8')).to.equal(errorsPage())
  })

  it('names every code once and no other', () => {
    const named = [...errorsPage().matchAll(/^\| `([^`]+)` \|/gm)].map(([, code]) => code)
    expect(named).to.deep.equal(Object.keys(ERRORS).sort())
  })

  it('has a meaning and an action for every code, each one sentence or more', () => {
    for (const [code, { meaning, action }] of Object.entries(ERRORS)) {
      expect(code).to.match(CODE_FORM)
      expect(meaning, code).to.match(/^\S.{8,}[.]$/)
      expect(action, code).to.match(/^\S.{8,}[.]$/)
    }
  })
})
