/** Plays a range of seeds in this process: one line of JSON for each failure, one for progress, one at the end. */
import { parseArgs } from 'node:util'
import { installFastHashes } from '../../enclave/shell/fast-hashes.ts'
import { playSeed } from './run.ts'

const PROGRESS_SEEDS = 200

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    step: { type: 'string', default: '1' },
    failures: { type: 'string', default: '20' },
  },
})
const [from, seeds, stride, failuresMax] = [values.from, values.seeds, values.step, values.failures].map(Number) as [
  number,
  number,
  number,
  number,
]

// Refusals are thrown by the million; whoever replays one seed gets their stacks.
if (seeds > 1) Error.stackTraceLimit = 0
await installFastHashes()
const steps: number[] = []
const figures = new Map<string, number>()
let failures = 0
let played = 0
for (; played < seeds && failures < failuresMax; played++) {
  const seed = from + played * stride
  const result = playSeed(seed)
  steps.push(result.steps)
  for (const [name, times] of result.figures) figures.set(name, (figures.get(name) ?? 0) + times)
  if (result.failure !== undefined) {
    failures++
    say({ kind: 'failure', seed, ...result.failure })
  }
  if (played % PROGRESS_SEEDS === PROGRESS_SEEDS - 1) say({ kind: 'progress', seed })
}
say({
  kind: 'end',
  played,
  failures,
  steps: steps.reduce((sum, one) => sum + one, 0),
  figures: Object.fromEntries(figures),
})

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
