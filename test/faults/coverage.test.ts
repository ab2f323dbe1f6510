import { join } from 'node:path'
import { expect } from 'chai'
import { ROTATION_STEPS } from './disk/rotation-steps.ts'
import { ALL_STEPS, UNKEPT, UNTRIED } from './disk/steps.ts'
import { callsIn, durableCalls } from './durable-calls.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** Fewer would mean that the search has lost its way. */
const CALLS_MIN = 25
const STEPS = [...ALL_STEPS, ...ROTATION_STEPS]

describe('the table of durable steps', () => {
  const found = durableCalls(ROOT)

  it('names every function of the source that changes the disk for good', () => {
    const named = new Set([...STEPS.flatMap(({ sources }) => sources), ...UNKEPT, ...UNTRIED])
    expect(found.filter((call) => !named.has(call))).to.deep.equal([])
    expect(found.length).to.be.at.least(CALLS_MIN)
  })

  it('names no function that no longer does', () => {
    const named = new Set([...STEPS.flatMap(({ sources }) => sources), ...UNKEPT, ...UNTRIED])
    expect([...named].filter((source) => !found.includes(source))).to.deep.equal([])
  })

  it('names each step once, so that no two cells are one', () => {
    const names = STEPS.map(({ name }) => name)
    expect(new Set(names).size).to.equal(names.length)
  })

  const planted: readonly (readonly [string, string])[] = [
    [
      'a file written by a system call',
      `import { writeFile } from 'node:fs/promises'\nasync function f() { await writeFile('x', 'y') }`,
    ],
    ['a system call that waits', `import { renameSync } from 'node:fs'\nfunction f() { renameSync('x', 'y') }`],
    ['an fsync of an open file', `async function f(file) { await file.datasync() }`],
    ['a small file written durably', `async function f() { await writeDurably('x', 'y') }`],
    ['a line of the outbox', `class C { async f(context) { await context.outbox.append(1, 2) } }`],
    ['a call inside a nameless function', `function f() { return [1].map(() => writeDurably('x', 'y')) }`],
  ]
  for (const [what, text] of planted) {
    it(`finds ${what} that was planted`, () => expect(callsIn('planted.ts', text)).to.deep.equal(['planted.ts f']))
  }

  it('takes a function of another origin with the same name for no system call', () => {
    expect(
      callsIn('planted.ts', `import { rename } from './names.ts'\nfunction f() { rename('x', 'y') }`),
    ).to.deep.equal([])
  })
})
