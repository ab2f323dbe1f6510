/**
 * Data that lies beside a checkout and not in it: genuine attestation documents, among others. The project stands alone,
 * so whatever needs it says aloud that it was left out.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Suite } from 'mocha'

const SHARED = join(import.meta.dirname, '..', '..', '..', 'shared', 'data')

/** The folder of that name, or undefined where this machine has none. */
function sharedData(name: string): string | undefined {
  const folder = process.env['ANCHORHOLD_SHARED_DATA'] ?? SHARED
  const path = join(folder, name)
  return existsSync(path) ? path : undefined
}

/** As `describe`, with the folder; where it is absent one test says so and is skipped. */
export function describeWithShared(title: string, name: string, tests: (folder: string) => void): Suite {
  const folder = sharedData(name)
  return describe(title, () => {
    if (folder !== undefined) return tests(folder)
    it(`needs the shared folder ${name}`, function () {
      process.stderr.write(`skipped: ${title}: this machine has no shared data folder ${name}\n`)
      this.skip()
    })
  })
}
