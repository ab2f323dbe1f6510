/** Suites side by side, their output one after the other: who began first is heard first, the others wait with theirs. */
import { availableParallelism } from 'node:os'
import type { SuiteResult } from './run.ts'
import type { FoundSuite } from './suites.ts'

/** Tests that wait for chains and processes fill about half a core each: three lanes keep two cores busy. */
const LANES_MAX = 3
const LANES_PER_CORE = 1.5

export type RunOne = (suite: FoundSuite, say: (line: string) => void) => Promise<SuiteResult>

/** Results in the order of `suites`; after `stop` no further suite begins. */
export async function runLanes(
  suites: readonly FoundSuite[],
  runOne: RunOne,
  { say, stop }: { readonly say: (line: string) => void; readonly stop: AbortSignal },
): Promise<SuiteResult[]> {
  const waiting = [...suites]
  const results = new Map<FoundSuite, SuiteResult>()
  const floor = newFloor(say)
  let hardhatRuns = false
  const lane = async (): Promise<void> => {
    for (;;) {
      // Two Hardhats at once would write the same artifacts.
      const at = waiting.findIndex((suite) => !(hardhatRuns && usesHardhat(suite)))
      const [suite] = at < 0 || stop.aborted ? [] : waiting.splice(at, 1)
      if (suite === undefined) return
      if (usesHardhat(suite)) hardhatRuns = true
      const voice = floor.join()
      voice.say(`\n== ${suite.name} (${suite.files.length} files)`)
      results.set(suite, await runOne(suite, voice.say))
      voice.leave()
      if (usesHardhat(suite)) hardhatRuns = false
    }
  }
  await Promise.all(Array.from({ length: lanesOf(availableParallelism()) }, lane))
  return suites.flatMap((suite) => results.get(suite) ?? [])
}

/** At least one, whatever the machine. */
export function lanesOf(cores: number): number {
  return Math.max(1, Math.min(LANES_MAX, Math.floor(cores * LANES_PER_CORE)))
}

function usesHardhat({ runner }: FoundSuite): boolean {
  return runner !== 'mocha'
}

type Voice = { readonly say: (line: string) => void; readonly leave: () => void }

/** The first of those who joined speaks; what the others say is kept until it is their turn. */
function newFloor(say: (line: string) => void): { readonly join: () => Voice } {
  const queue: { lines: string[]; left: boolean }[] = []
  const pass = (): void => {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      for (const line of first.lines.splice(0)) say(line)
      if (!first.left) return
      queue.shift()
    }
  }
  return {
    join: () => {
      const own = { lines: [] as string[], left: false }
      queue.push(own)
      return {
        say: (line) => {
          own.lines.push(line)
          pass()
        },
        leave: () => {
          own.left = true
          pass()
        },
      }
    },
  }
}
