/**
 * `npm run bench`: each figure beside the bound that it is near, both measured in this run on this machine. Nothing here
 * passes or fails: a figure is judged by the reader, and by the one before.
 */
import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import { auditFigure } from './audit-figure.ts'
import { commitFigures } from './commit.ts'
import type { Figure } from './figure.ts'
import { journalFigure } from './journal.ts'
import { roundTripFigure } from './round-trip.ts'

const ROOT = join(import.meta.dirname, '..', '..')

const said = (step: string): void => void process.stderr.write(`measures: ${step}\n`)
const figures = [
  await roundTripFigure(said),
  await journalFigure(said),
  ...(await commitFigures(said)),
  await auditFigure(said),
]
process.stdout.write(`${placeLine()}\n${tableOf(figures)}\n`)

function tableOf(list: readonly Figure[]): string {
  const table = new Table({
    head: ['figure', 'measured', 'bound', 'bound measured', 'times the bound'],
    colAligns: ['left', 'right', 'left', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const { what, value, bound, boundValue, times } of list)
    table.push([what, value, bound, boundValue, times.toFixed(1)])
  return table.toString()
}

/** A figure without machine and commit says nothing. */
function placeLine(): string {
  const [cpu] = cpus()
  return `${cpu?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}, commit ${commitName()}`
}

function commitName(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    // A source tree without its history.
    return 'unknown'
  }
}
