/** What a mocha run came to, as one file of JSON. Mocha's own stumbles over a bigint in a failed comparison. */
import { writeFileSync } from 'node:fs'

export type Failure = {
  readonly title: string
  readonly fullTitle: string
  readonly isHook: boolean
  readonly stack: string
}
export type Report = { readonly passes: number; readonly failures: readonly Failure[] }

type Failed = { readonly title: string; readonly type: string; fullTitle(): string }
type Runner = {
  on(event: 'pass', listener: () => void): Runner
  on(event: 'fail', listener: (failed: Failed, error: Error) => void): Runner
  on(event: 'end', listener: () => void): Runner
}

/** `--reporter-option output=FILE` says where to. */
class Reporter {
  constructor(runner: Runner, options: { readonly reporterOptions: { readonly output: string } }) {
    const failures: Failure[] = []
    let passes = 0
    runner
      .on('pass', () => passes++)
      .on('fail', (failed, error) => {
        const { title, type } = failed
        failures.push({ title, fullTitle: failed.fullTitle(), isHook: type === 'hook', stack: error.stack ?? '' })
      })
      .on('end', () => writeFileSync(options.reporterOptions.output, JSON.stringify({ passes, failures })))
  }
}

// Mocha requires its reporters, and takes what a CommonJS module would export.
export { Reporter as 'module.exports' }
