/** How many tests passed, failed and were skipped, read from the report that mocha and Hardhat print. */

export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number }

export const NONE: Counts = { passed: 0, failed: 0, skipped: 0 }

const KINDS: Readonly<Record<string, keyof Counts>> = {
  passing: 'passed',
  failing: 'failed',
  pending: 'skipped',
  skipped: 'skipped',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with the escape character.
const COLOUR = /\u001b\[[0-9;]*m/g
const COUNT_LINE = /^\s*(\d+) (passing|failing|pending|skipped)\b/

/** One printed line: what it counts, or undefined for any other line. */
export function readCount(line: string): { kind: keyof Counts; tests: number } | undefined {
  const match = COUNT_LINE.exec(line.replace(COLOUR, ''))
  const kind = KINDS[match?.[2] ?? '']
  return kind === undefined ? undefined : { kind, tests: Number(match?.[1]) }
}

export function sum(all: readonly Counts[]): Counts {
  return all.reduce(
    (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }),
    NONE,
  )
}

/** The last line of every report, exactly this form: `.ci/run` adds these lines up. */
export function lastLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
