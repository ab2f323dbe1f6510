/** Runs one test file of a copy and tells a test that says no from a copy that is merely broken. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { signalGroup } from '../group.ts'
import type { Copy } from './copy.ts'
import type { Failure, Report } from './reporter.ts'

export type Verdict =
  /** A test found the protection missing: its title. */
  | { readonly kind: 'killed'; readonly by: string }
  /** Every test passed. */
  | { readonly kind: 'survived' }
  /** Something failed that is no finding: a file that does not load, a hook, a crash, a test that never ended. */
  | { readonly kind: 'broken'; readonly why: string }

const REPORTER = './scripts/test/mutants/reporter.ts'
const FILE_MS_MAX = 180_000
/** Of the tests: an assertion of the product itself is a crash like any other. */
const FINDING_FORM = /^AssertionError \[ERR_ASSERTION\]/
const WHY_CHARACTERS_MAX = 300

/** Process groups of the runs that go on now. */
const running = new Set<number>()

/** Ends whatever runs. */
export function endRuns(): void {
  for (const group of running) signalGroup(group, 'SIGKILL')
}

export async function judge(copy: Copy, test: string): Promise<Verdict> {
  const output = join(copy.folder, `report-${randomUUID()}.json`)
  const end = await runMocha(copy, test, output)
  const report = await readReport(output)
  if (report === undefined) return { kind: 'broken', why: short(`the file gave no report: ${end}`) }
  const [finding] = report.failures.filter(isFinding)
  if (finding !== undefined) return { kind: 'killed', by: finding.title }
  const [failure] = report.failures
  if (failure !== undefined) return { kind: 'broken', why: short(`${failure.fullTitle}: ${failure.stack}`) }
  if (report.passes === 0) return { kind: 'broken', why: 'the file has no test' }
  return { kind: 'survived' }
}

/** Only an assertion inside a test is a finding: a hook that fails or an enclave that does not start proves nothing. */
function isFinding({ isHook, stack }: Failure): boolean {
  return !isHook && FINDING_FORM.test(stack)
}

/** What the run said on its error output, or how it ended. */
async function runMocha(copy: Copy, test: string, output: string): Promise<string> {
  const words = [
    'node_modules/mocha/bin/mocha.js',
    '--reporter',
    REPORTER,
    '--reporter-option',
    `output=${output}`,
    test,
  ]
  const child = spawn(process.execPath, words, {
    cwd: copy.folder,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-WHY_CHARACTERS_MAX)
  })
  const group = child.pid
  if (group !== undefined) running.add(group)
  const late = setTimeout(() => group !== undefined && signalGroup(group, 'SIGKILL'), FILE_MS_MAX)
  const code = await new Promise<number | null>((done, fail) => child.once('error', fail).once('exit', done))
  clearTimeout(late)
  // Whatever a failed test left running must not meet the next mutant.
  if (group !== undefined) signalGroup(group, 'SIGKILL')
  if (group !== undefined) running.delete(group)
  return said === '' ? `exit code ${code ?? 'none'}` : said
}

async function readReport(path: string): Promise<Report | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Report
  } catch {
    // Mocha writes it last: without it the run did not come to its end.
    return undefined
  } finally {
    await rm(path, { force: true })
  }
}

function short(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, WHY_CHARACTERS_MAX)
}
