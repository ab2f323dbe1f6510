/** The auditor's replay of a long log, measured by its own script in a process of its own. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { durationFigure, type Figure } from './figure.ts'

const SCRIPT = join(import.meta.dirname, 'audit.ts')
const AUDIT_MS_MAX = 600_000
const Measured = z.object({ entries: z.int(), replayMs: z.number().positive(), hashMs: z.number().positive() })

export async function auditFigure(said: (step: string) => void): Promise<Figure> {
  said('audit')
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT], { timeout: AUDIT_MS_MAX })
  const { entries, replayMs, hashMs } = Measured.parse(JSON.parse(stdout))
  return durationFigure(
    `audit of ${entries.toLocaleString('en')} entries`,
    replayMs,
    'hash the same entries once',
    hashMs,
  )
}
