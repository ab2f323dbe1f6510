/**
 * Every reader of foreign bytes, under the inputs that were kept and under new ones: FUZZ_SEED draws others, FUZZ_SCALE
 * draws more. `npm run fuzz` goes on for as long as it is told, led by coverage.
 */

import { existsSync, readdirSync } from 'node:fs'
import { expect } from 'chai'
import { CORPUS, CORPUS_FILE_BYTES_MAX, CORPUS_FILES_MAX, nameOf, readCorpus } from './engine/corpus.ts'
import type { Report } from './engine/lane.ts'
import { ACCEPTED, type Target } from './engine/target.ts'
import { openWatched } from './engine/watch.ts'
import { TARGETS } from './parsers/all.ts'

const SEED = Number.parseInt(process.env['FUZZ_SEED'] ?? '20261121', 10)
const SCALE = Number.parseFloat(process.env['FUZZ_SCALE'] ?? '1')
const SECONDS_MAX = 600
const SHOWN_BYTES_MAX = 2_000
const MS_PER_SECOND = 1_000

function taskOf({ name, inputs }: Target) {
  const fewer = Math.ceil(inputs * SCALE)
  return { target: name, seed: SEED, inputs: fewer, seconds: SECONDS_MAX, explore: false, distil: false }
}

/** The seed, the input and what it did: enough to do it again. */
function complaint({ target, failure }: Report): string | undefined {
  if (failure === undefined) return undefined
  const shown = Buffer.from(failure.input.subarray(0, SHOWN_BYTES_MAX)).toString('hex')
  return `FUZZ_SEED=${SEED}, target ${target}, input ${failure.number}: ${failure.what} after ${shown}`
}

describe('a reader of foreign bytes', () => {
  const watched = openWatched()
  after(() => watched.close())

  for (const target of TARGETS) {
    it(`${target.name}: ${target.claim}`, async function () {
      this.timeout((SECONDS_MAX + 120) * MS_PER_SECOND)
      const report = await watched.play(taskOf(target))
      const told = complaint(report)
      if (told !== undefined) throw new Error(told)
      expect(report.inputs).to.equal(taskOf(target).inputs)
      expect(report.outcomes[ACCEPTED], 'accepted').to.be.above(0)
      if (target.oneOutcome !== true) expect(Object.keys(report.outcomes), 'refused too').to.have.length.above(1)
    })
  }
})

describe('the kept inputs', () => {
  it('stand in few small files of their own hash, each under a target that is there', () => {
    const folders = existsSync(CORPUS) ? readdirSync(CORPUS) : []
    expect(folders.filter((name) => !TARGETS.some((target) => target.name === name))).to.deep.equal([])
    for (const folder of folders) {
      const kept = [...readCorpus(folder)]
      expect(kept.length, folder).to.be.within(1, CORPUS_FILES_MAX)
      for (const [name, input] of kept) expect(name, folder).to.equal(nameOf(input))
      for (const [name, { length }] of kept) expect(length, `${folder}/${name}`).to.be.at.most(CORPUS_FILE_BYTES_MAX)
    }
  })
})
