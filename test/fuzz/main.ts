/**
 * Plays targets for as long as it is told. `npm run fuzz` starts it; scripts/fuzz.ts has its words.
 * Words: --target NAME (several; all without), --seconds N of each, --in-all N shared among them, --seed S, --keep to renew the corpus, --blind without coverage.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CORPUS, nameOf, writeCorpus } from './engine/corpus.ts'
import type { Report } from './engine/lane.ts'
import { openWatched, type Watched } from './engine/watch.ts'
import { TARGETS } from './parsers/all.ts'

const SECONDS = 60
const SHOWN_CHARACTERS_MAX = 2_000
const U32_LIMIT = 2 ** 32

type Words = {
  readonly targets: readonly string[]
  readonly seconds: number
  readonly seed: number
  readonly keep: boolean
  readonly blind: boolean
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const words = readWords(args)
  if (typeof words === 'string') {
    say(words)
    return 2
  }
  const watched = openWatched()
  try {
    return await playAll(words, watched)
  } finally {
    await watched.close()
  }
}

function readWords(args: readonly string[]): Words | string {
  const options = {
    target: { type: 'string', multiple: true },
    seconds: { type: 'string', default: `${SECONDS}` },
    'in-all': { type: 'string' },
    seed: { type: 'string', default: `${Date.now() % U32_LIMIT}` },
    keep: { type: 'boolean', default: false },
    blind: { type: 'boolean', default: false },
  } as const
  try {
    const { target, seconds, 'in-all': inAll, seed, ...flags } = parseArgs({ args: [...args], options }).values
    const known = TARGETS.map(({ name }) => name)
    const targets = target ?? known
    const strange = targets.filter((name) => !known.includes(name))
    if (strange.length > 0) return `no target is called ${strange.join(', ')}; there is: ${known.join(', ')}`
    if (![seconds, seed, inAll ?? '0'].every((text) => /^\d{1,10}$/.test(text)))
      return '--seconds, --in-all and --seed take whole numbers'
    const each = inAll === undefined ? Number(seconds) : Number(inAll) / targets.length
    return { targets, seconds: each, seed: Number(seed) % U32_LIMIT, ...flags }
  } catch (error) {
    return `${(error as Error).message} Known: --target NAME, --seconds N, --in-all N, --seed S, --keep, --blind`
  }
}

async function playAll({ targets, seconds, seed, keep, blind }: Words, watched: Watched): Promise<number> {
  let inputs = 0
  let failed = 0
  for (const target of targets) {
    const report = await watched.play({
      ...{ target, seed, seconds, inputs: Number.MAX_SAFE_INTEGER, explore: !blind, distil: keep },
    })
    inputs += report.inputs
    if (report.failure !== undefined) failed++
    tell(report, seed)
    if (keep && report.failure === undefined) say(`  kept ${writeCorpus(target, report.distilled)} inputs`)
  }
  say(`seed ${seed}: ${inputs} inputs, ${targets.length} targets, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function tell({ target, inputs, replayed, functions, outcomes, failure }: Report, seed: number): void {
  const told = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`)
  say(`${target}: ${inputs} inputs after ${replayed} known ones, ${functions} functions reached; ${told.join(', ')}`)
  if (failure === undefined) return
  const path = join(CORPUS, '..', `failed-${target}-${nameOf(failure.input)}`)
  writeFileSync(path, failure.input)
  say(`  FAILED (seed ${seed}, input ${failure.number}, kept in ${path}): ${failure.what}`)
  say(`  ${Buffer.from(failure.input).toString('latin1').slice(0, SHOWN_CHARACTERS_MAX)}`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
