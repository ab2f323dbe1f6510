#!/usr/bin/env node
/**
 * Plays worlds of the simulator, each made from one seed.
 *
 *   npm run simulate                                   two minutes' worth of seeds
 *   npm run simulate -- --seed 4711                    one of them, with everything that can be said of it
 *   npm run simulate -- --seeds 1000000 --from 5000    many, over all cores; started again it goes on where it stopped
 *   npm run simulate -- --canaries                     builds with one planted bug each: all of them have to be caught
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Progress } from './simulate/progress.ts'
import { playRange } from './simulate/range.ts'
import { tableOf, unseen } from './simulate/table.ts'

const ROOT = join(import.meta.dirname, '..')
const PLAYER = join(ROOT, 'test', 'simulation', 'main.ts')
const CANARIES = join(ROOT, 'test', 'simulation', 'canaries', 'main.ts')
const SEEDS_DEFAULT = 1_000
const SECONDS_PER_HOUR = 3_600

process.exitCode = await main(process.argv.slice(2))

async function main(words: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string' },
      cores: { type: 'string' },
      state: { type: 'string' },
      canaries: { type: 'boolean', default: false },
    },
  })
  if (values.canaries) return start(CANARIES, positionals)
  if (values.seed !== undefined) return start(PLAYER, ['--from', `${readCount('seed', values.seed)}`, '--seeds', '1'])
  const from = readCount('from', values.from ?? '1')
  const seeds = readCount('seeds', values.seeds ?? `${SEEDS_DEFAULT}`)
  const cores = readCount('cores', values.cores ?? `${availableParallelism()}`)
  const statePath = values.state ?? join(tmpdir(), 'anchorhold-simulate', `${from}-${seeds}.json`)
  const progress = await playRange({ player: PLAYER, from, seeds, cores, statePath, say })
  report(progress)
  const isWhole = progress.played === seeds && unseen(progress).length === 0
  return progress.failures.length === 0 && isWhole ? 0 : 1
}

function start(program: string, words: readonly string[]): number {
  return spawnSync(process.execPath, [program, ...words], { stdio: 'inherit', cwd: ROOT }).status ?? 1
}

function readCount(name: string, text: string): number {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number.parseInt(text, 10)
  throw new Error(`--${name}: expected a whole number above 0, got ${text}`)
}

function report(progress: Progress): void {
  const { played, steps, stepsMedian, seconds, failures } = progress
  for (const line of tableOf(progress)) say(line)
  for (const { seed, property } of failures) say(`${property}: npm run simulate -- --seed ${seed}`)
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}`
  const hours = (seconds / SECONDS_PER_HOUR).toFixed(2)
  say(
    `${played} seeds, ${steps} steps (median ${stepsMedian} a seed), ${failures.length} failed, ${hours} hours, ${machine}`,
  )
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
