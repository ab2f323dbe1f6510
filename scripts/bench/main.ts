/**
 * `npm run bench`: each figure beside its bound, both measured in this run on this machine. Nothing here passes or fails:
 * a figure is judged by the reader, and by the one before. All but round trips and the audit count what a thread computes. `--tiny` shows that it runs; its figures mean nothing.
 */
import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { auditFigure } from './audit-figure.ts'
import { type Figure, showRatio, verdictOf } from './figure.ts'
import { journalFigure } from './journal.ts'
import { roundTripFigure } from './round-trip.ts'
import { scaleFigures } from './scale.ts'
import { SIZES, type Sizes } from './sizes.ts'
import { ticketFigure } from './tickets.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const NOTE_CHARACTERS = 60

type Bench = (sizes: Sizes) => Promise<Figure | readonly Figure[]>

const BENCHES: { readonly [name: string]: Bench } = {
  'round-trip': roundTripFigure,
  journal: journalFigure,
  tickets: ticketFigure,
  scale: scaleFigures,
  audit: auditFigure,
}

const { values } = parseArgs({ options: { tiny: { type: 'boolean', default: false }, only: { type: 'string' } } })
const sizes = values.tiny ? SIZES.tiny : SIZES.full
const figures: Figure[] = []
for (const [name, bench] of Object.entries(BENCHES)) {
  if (values.only !== undefined && values.only !== name) continue
  process.stderr.write(`measures: ${name}\n`)
  figures.push(...[await bench(sizes)].flat())
}
process.stdout.write(`${placeLine()}\n${tableOf(figures)}\n`)

function tableOf(list: readonly Figure[]): string {
  const table = new Table({
    head: ['figure', 'ratio', 'target', '', 'measured', 'bound', 'its value', 'what bounds it, and what would be next'],
    colAligns: ['left', 'right', 'right', 'left', 'right', 'left', 'right', 'left'],
    colWidths: [null, null, null, null, null, null, null, NOTE_CHARACTERS],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  for (const figure of list) {
    const { what, ratio, target, value, bound, boundValue, note } = figure
    const wanted = target === undefined ? '' : `${target.side} ${target.ratio}`
    table.push([what, showRatio(ratio), wanted, verdictOf(figure), value, bound, boundValue, note])
  }
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
