/**
 * Takes the protections out one by one and shows that the test of each row then fails.
 *
 *   npm run test:mutants                        every row that has a mutant
 *   npm run test:mutants -- --row A7 --row S1   some rows, each with all of its mutants; --row A7-b is one of them
 *   npm run test:mutants -- --changed main      rows whose test, mutant or protected files differ from a git reference
 *
 * A row passes when its test passes on the sources as they are and fails, by an assertion, on the copy without the
 * protection. A patch that no longer fits, a copy that does not start and a mutant that survives are failures.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { lastLine } from './count.ts'
import { ARTIFACT, type Compiled, compileAnchor, concernsAnchor } from './mutants/anchor.ts'
import { choose } from './mutants/choose.ts'
import { applyPatch, type Copy, copySources, restore } from './mutants/copy.ts'
import { endRuns, judge, type Verdict } from './mutants/judge.ts'
import { type Mutant, readMutants } from './mutants/patches.ts'

type Words = { readonly row: string[]; readonly changed: string | undefined; readonly jobs: string | undefined }
type Result = { readonly mutant: Mutant; readonly verdict: Verdict }

const ROOT = join(import.meta.dirname, '..', '..')
const JOBS_MAX = 4
const WIDTHS = [8, 57, 61]
const STOPPED: Verdict = { kind: 'broken', why: 'the run was stopped before it' }

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error))
  say(lastLine({ passed: 0, failed: 1, skipped: 0 }))
  return 1
})

async function main(args: string[]): Promise<number> {
  const words = readWords(args)
  const wanted = { rows: words.row.map((row) => row.toUpperCase()), changedSince: words.changed }
  const mutants = choose(ROOT, readMutants(ROOT), wanted)
  if (mutants.length === 0) {
    say('No protected file, mutant or test has changed: nothing to ask.')
    say(lastLine({ passed: 0, failed: 0, skipped: 0 }))
    return 0
  }
  const results = await runAll(mutants, jobsOf(words))
  return report(results)
}

function readWords(args: string[]): Words {
  const options = {
    row: { type: 'string', multiple: true, default: [] as string[] },
    changed: { type: 'string' },
    jobs: { type: 'string' },
  } as const
  const { row, changed, jobs } = parseArgs({ args, options }).values
  return { row, changed, jobs }
}

function jobsOf({ jobs }: Words): number {
  const wanted = Number.parseInt(jobs ?? `${availableParallelism()}`, 10)
  return Math.min(JOBS_MAX, Math.max(1, wanted))
}

/** Each job has a copy of its own and takes the next mutant that nobody has. */
async function runAll(mutants: readonly Mutant[], jobs: number): Promise<Result[]> {
  const compiled: Compiled = new Map()
  const honest = new Map<string, Promise<Verdict>>()
  const pristine = await copySources(ROOT)
  const results: Result[] = []
  const left = [...mutants]
  const stop = (): void => {
    left.length = 0
    endRuns()
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop)
  try {
    await compileAnchor(pristine, compiled)
    const work = async (): Promise<void> => {
      const copy = await copySources(pristine.folder)
      for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
        const verdict = await askOne(mutant, { copy, pristine, compiled, honest })
        say(`${mutant.name.padEnd(6)} ${wordsOf(verdict)}`)
        results.push({ mutant, verdict })
      }
      await copy.remove()
    }
    await Promise.all(Array.from({ length: Math.min(jobs, mutants.length) }, work))
  } finally {
    await pristine.remove()
  }
  return mutants.map((mutant) => results.find((result) => result.mutant === mutant) ?? { mutant, verdict: STOPPED })
}

type Bench = {
  readonly copy: Copy
  readonly pristine: Copy
  readonly compiled: Compiled
  /** Of each test with every protection in place: rows of several mutants ask once. */
  readonly honest: Map<string, Promise<Verdict>>
}

async function askOne(mutant: Mutant, bench: Bench): Promise<Verdict> {
  const { copy, pristine } = bench
  // First as it is: a test that fails anyway says nothing about the protection.
  const asked = bench.honest.get(mutant.test) ?? judge(copy, mutant.test)
  bench.honest.set(mutant.test, asked)
  const honest = await asked
  if (honest.kind !== 'survived')
    return { kind: 'broken', why: `fails with the protection in place: ${wordsOf(honest)}` }
  try {
    applyPatch(copy, pristine.folder, mutant)
    if (concernsAnchor(mutant.files)) await compileAnchor(copy, bench.compiled)
    return await judge(copy, mutant.test)
  } catch (error) {
    return { kind: 'broken', why: (error as Error).message }
  } finally {
    await restore(copy, pristine, [...mutant.files, ARTIFACT])
  }
}

function wordsOf(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'killed':
      return verdict.by
    case 'survived':
      return 'SURVIVED: no test noticed'
    case 'broken':
      return `BROKEN: ${verdict.why}`
  }
}

function report(results: readonly Result[]): number {
  const table = new Table({
    head: ['row', 'protection that was taken out', 'the test that noticed'],
    style: { head: [], border: [] },
    colWidths: WIDTHS,
    wordWrap: true,
  })
  for (const { mutant, verdict } of results) table.push([mutant.name, mutant.protection, wordsOf(verdict)])
  say(table.toString())
  const passed = results.filter(({ verdict }) => verdict.kind === 'killed').length
  say(lastLine({ passed, failed: results.length - passed, skipped: 0 }))
  return passed === results.length ? 0 : 1
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
