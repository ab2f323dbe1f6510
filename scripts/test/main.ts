/**
 * Runs the test suites, two at a time where there are two cores, and ends with one line: `N passed, N failed`.
 *
 *   npm test                              every suite but the slow ones
 *   npm test -- --suite unit --grep wei   some suites, some titles
 *   npm test -- --all                     the slow ones too
 *   npm test -- --list                    what there is
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { lastLine, sum } from './count.ts'
import { type RunOne, runLanes } from './lanes.ts'
import { runSuite, type SuiteResult } from './run.ts'
import { type FoundSuite, findSuites } from './suites.ts'

type Words = { suite?: string[]; grep?: string; all: boolean; list: boolean }

const ROOT = join(import.meta.dirname, '..', '..')

process.exitCode = await main(process.argv.slice(2))

async function main(words: string[]): Promise<number> {
  const values = readWords(words)
  if (values === undefined) return 1
  const found = findSuites(ROOT)
  if (values.list) return list(found)
  const unknown = (values.suite ?? []).filter((name) => !found.some((suite) => suite.name === name))
  if (unknown.length > 0) return refuse(unknown, found)
  const chosen = found.filter(({ name, slow }) => values.suite?.includes(name) ?? (values.all || !slow))
  const results = await runAll(chosen, values.grep)
  return report(results, values.suite === undefined ? found.filter((suite) => !chosen.includes(suite)) : [])
}

function readWords(args: string[]): Words | undefined {
  try {
    const options = {
      suite: { type: 'string', multiple: true },
      grep: { type: 'string' },
      all: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    } as const
    return parseArgs({ args, options }).values
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}. Known: --suite NAME, --grep TITLE, --all, --list`)
    return undefined
  }
}

async function runAll(suites: readonly FoundSuite[], grep: string | undefined): Promise<SuiteResult[]> {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  const runOne: RunOne = (suite, heard) => runSuite(suite, { root: ROOT, grep, signal: stop.signal, say: heard })
  return runLanes(suites, runOne, { say, stop: stop.signal })
}

function report(results: readonly SuiteResult[], left: readonly FoundSuite[]): number {
  const total = sum(results.map(({ counts }) => counts))
  for (const { name, failures } of results.filter((result) => result.failures.length > 0)) {
    say(`\n== what failed in ${name}`)
    for (const line of failures) say(line)
  }
  say('')
  for (const { name, counts, tookMs, complaints } of results) {
    say(`${name.padEnd(12)} ${`${(tookMs / 1_000).toFixed(1)} s`.padStart(8)}  ${lastLine(counts)}`)
    for (const complaint of complaints) say(`${' '.repeat(23)}the suite ${complaint}`)
  }
  for (const { name } of left) say(`${name.padEnd(12)}  not run: it is slow. Type: npm test -- --suite ${name}`)
  say(lastLine(total))
  return total.failed > 0 || total.passed === 0 ? 1 : 0
}

function list(found: readonly FoundSuite[]): number {
  for (const { name, files, slow } of found) say(`${name.padEnd(12)} ${files.length} files${slow ? ', slow' : ''}`)
  return 0
}

function refuse(unknown: readonly string[], found: readonly FoundSuite[]): number {
  say(`No suite has files under the name ${unknown.join(', ')}. There is: ${found.map(({ name }) => name).join(', ')}`)
  say(lastLine({ passed: 0, failed: unknown.length, skipped: 0 }))
  return 1
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
