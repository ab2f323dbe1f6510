/** Plays a range of seeds in this process: a line of JSON for each failure, and one at the end. One seed alone is told at length. */
import { parseArgs } from 'node:util'
import { installFastHashes } from '../../enclave/shell/fast-hashes.ts'
import { EXPECTED } from './coverage.ts'
import { closeRealChain, playAnySeed, playRealSeed } from './play.ts'
import type { Played } from './run.ts'

const FAILURES_DEFAULT = '20'

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    failures: { type: 'string', default: FAILURES_DEFAULT },
    /** Leaves out the worlds that run the compiled contract. */
    'model-only': { type: 'boolean', default: false },
    /** Every world runs it. */
    real: { type: 'boolean', default: false },
  },
})
const [from, seeds, failuresMax] = [values.from, values.seeds, values.failures].map((text) =>
  Number.parseInt(text, 10),
) as [number, number, number]
// Refusals are thrown by the million; whoever plays one seed again gets their stacks.
if (seeds > 1) Error.stackTraceLimit = 0
await installFastHashes()
process.exitCode = await playAll()
await closeRealChain()

async function playAll(): Promise<number> {
  const lengths: Record<string, number> = {}
  const figures: Record<string, number> = {}
  let [played, failures, steps] = [0, 0, 0]
  for (; played < seeds && failures < failuresMax; played++) {
    const seed = from + played
    const result = await (values.real ? playRealSeed(seed) : playAnySeed(seed, values['model-only']))
    steps += result.steps
    lengths[result.steps] = (lengths[result.steps] ?? 0) + 1
    for (const [name, times] of result.figures) figures[name] = (figures[name] ?? 0) + times
    if (result.failure !== undefined) failures++
    if (result.failure !== undefined) say({ kind: 'failure', seed: result.seed, ...result.failure })
    if (seeds === 1) tell(result)
  }
  say({ kind: 'end', played, failures, steps, lengths, figures, expected: Object.fromEntries(EXPECTED) })
  return failures === 0 ? 0 : 1
}

/** Where the world stood when it ended. */
function tell({ world, failure, steps }: Played): void {
  const { chain, boots, drawnFaults } = world
  const { head, sequence, epoch, treasuryWei } = chain.tip.state
  const present = Object.entries(drawnFaults).filter(([, permille]) => permille > 0)
  process.stderr.write(`${failure?.told ?? 'nothing was broken'}\nafter ${steps} steps, at block ${chain.tip.number}\n`)
  process.stderr.write(`anchor: head ${head}, sequence ${sequence}, epoch ${epoch}, ${treasuryWei} wei\n`)
  process.stderr.write(`faults: ${present.map(([name, permille]) => `${name} ${permille}`).join(', ')}\n`)
  for (const { number, instance, isHonest } of boots)
    process.stderr.write(
      `enclave ${number}${isHonest ? ', honest host' : ''}: ${instance.phase}, sequence ${instance.state?.sequence}\n`,
    )
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
