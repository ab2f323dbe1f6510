/** Machines of a host that steers their clocks: real enclave processes under steered-clock.c. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Boot, StoredRecord } from './boot.ts'
import type { Stage } from './stage.ts'

const SOURCE = join(import.meta.dirname, 'steered-clock.c')

/** The path of the library; undefined where there is no C compiler, or no Linux to load it. */
export function compileSteeredClock(folder: string): string | undefined {
  const library = join(folder, 'steered-clock.so')
  const words = ['-std=c11', '-O2', '-fPIC', '-shared', '-Wall', '-Wextra', SOURCE, '-o', library]
  const { status, error } = spawnSync('cc', words, { stdio: ['ignore', 'ignore', 'inherit'] })
  return process.platform === 'linux' && error === undefined && status === 0 ? library : undefined
}

export type Machines = {
  /** Another boot with its session on chain, on a machine whose clock is so far ahead. */
  reloaded(stage: Stage, records: readonly StoredRecord[], aheadSeconds: number): Promise<Boot>
}

/** For the tests of one block, which are skipped where no clock can be steered. */
export function useSteeredMachines(row: string): Machines {
  const folder = mkdtempSync(join(tmpdir(), 'steered-'))
  let library: string | undefined
  before(function () {
    library = compileSteeredClock(folder)
    if (library !== undefined) return
    process.stderr.write(`skipped: ${row}: this machine has no C compiler for a clock that lies\n`)
    this.skip()
  })
  after(() => rmSync(folder, { recursive: true }))
  return {
    async reloaded(stage, records, aheadSeconds) {
      assert(library !== undefined, 'the clock is compiled')
      return under({ LD_PRELOAD: library, STEERED_CLOCK_SECONDS: `${aheadSeconds}` }, () => stage.reloaded(records))
    },
  }
}

/** Processes that start meanwhile have these words in their environment. */
async function under<T>(words: { readonly [name: string]: string }, work: () => Promise<T>): Promise<T> {
  Object.assign(process.env, words)
  try {
    return await work()
  } finally {
    for (const name of Object.keys(words)) delete process.env[name]
  }
}
