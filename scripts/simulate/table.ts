/** What a run has seen, and what it should have seen: silence about a fault that never struck says nothing. */
import type { Progress } from './progress.ts'

type Seen = Pick<Progress, 'figures' | 'expected' | 'played'>

const NAME_WIDTH = 52
const COUNT_WIDTH = 10

/** Sections by the first word of a figure; whatever has no section of its own comes last. */
const SECTIONS: readonly (readonly [word: string, title: string])[] = [
  ['reverted', 'refused by the contract'],
  ['refused', 'refused by an enclave'],
  ['answered', 'answered by an enclave'],
  ['landed', 'landed on the chain'],
  ['seen', 'forgeries that the auditor saw'],
]

/** Lines for a reader: faults with the worlds that knew them and how often they struck, then everything else. */
export function tableOf(seen: Seen): string[] {
  const rest = Object.entries(seen.figures)
    .filter(([name]) => !/^(fault|known) /.test(name))
    .sort(([left], [right]) => (left < right ? -1 : 1))
  const titled = new Set(SECTIONS.map(([word]) => word))
  const sections = SECTIONS.map(([word, title]) => section(title, rest, (first) => first === word))
  const others = section('what else happened', rest, (first) => !titled.has(first))
  return [...faultLines(seen), ...sections.flat(), ...others, ...missingLines(seen)]
}

/** Figures that a run of this length has to show and did not. */
export function unseen({ figures, expected, played }: Seen): string[] {
  return Object.entries(expected).flatMap(([figure, within]) =>
    played >= within && (figures[figure] ?? 0) === 0 ? [figure] : [],
  )
}

function faultLines({ figures, expected }: Seen): string[] {
  const names = Object.keys({ ...figures, ...expected }).flatMap((name) => name.match(/^fault (.+)$/)?.[1] ?? [])
  const rows = [...new Set(names)]
    .sort()
    .map((name) => `  ${name.padEnd(NAME_WIDTH)}${cell(figures[`known ${name}`])}${cell(figures[`fault ${name}`])}`)
  return [
    `${'fault'.padEnd(NAME_WIDTH + 2)}${'worlds'.padStart(COUNT_WIDTH)}${'struck'.padStart(COUNT_WIDTH)}`,
    ...rows,
  ]
}

function section(
  title: string,
  figures: readonly (readonly [string, number])[],
  belongs: (firstWord: string) => boolean,
): string[] {
  const rows = figures.filter(([name]) => belongs(name.split(' ', 1)[0] ?? ''))
  return rows.length === 0 ? [] : [title, ...rows.map(([name, times]) => `  ${name.padEnd(NAME_WIDTH)}${cell(times)}`)]
}

function missingLines(seen: Seen): string[] {
  return unseen(seen).map((figure) => `NEVER SEEN in ${seen.played} seeds: ${figure}`)
}

function cell(times = 0): string {
  return `${times}`.padStart(COUNT_WIDTH)
}
