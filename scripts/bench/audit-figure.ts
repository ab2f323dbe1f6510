/** The auditor's replay of a long log, measured by its own script in a process of its own. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { costFigure, type Figure } from './figure.ts'
import type { Sizes } from './sizes.ts'

const SCRIPT = join(import.meta.dirname, 'audit.ts')
const AUDIT_MS_MAX = 600_000
const Measured = z.object({ entries: z.int(), replayMs: z.number().positive(), hashMs: z.number().positive() })

export async function auditFigure(sizes: Sizes): Promise<Figure> {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, `${sizes.auditEntries}`], {
    timeout: AUDIT_MS_MAX,
  })
  const { entries, replayMs, hashMs } = Measured.parse(JSON.parse(stdout))
  return costFigure(
    {
      what: `audit of ${entries.toLocaleString('en')} entries`,
      bound: 'hash the same entries once',
      note: 'every entry is decoded strictly and every rule is checked naively: a stranger must be able to read it',
    },
    replayMs,
    hashMs,
  )
}
