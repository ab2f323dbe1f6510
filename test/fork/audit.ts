/** The auditor as a stranger runs it: a process of its own with an endpoint, an address and a folder. */
import { execFile } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditReport } from '../../auditor/audit.ts'
import { writeTiles } from '../e2e/auditor-stage.ts'
import type { StoredRecord } from './boot.ts'
import type { Stage } from './stage.ts'

export type Audit = { readonly exitCode: number; readonly report: AuditReport }

const MAIN = join(import.meta.dirname, '..', '..', 'auditor', 'main.ts')
const AUDIT_MS_MAX = 60_000

/** Writes the first `size` entries as a mirror would have them, and gives the folder. */
export async function publish(
  stage: Stage,
  records: readonly StoredRecord[],
  size: number,
  checkpoint: string,
): Promise<string> {
  const folder = mkdtempSync(join(stage.dir, 'log-'))
  const entries = records.flatMap((record) => record.entries)
  await writeTiles(folder, entries.slice(0, size))
  writeFileSync(join(folder, 'checkpoint'), checkpoint)
  return folder
}

export function audit(stage: Stage, folder: string): Promise<Audit> {
  // From the anchor's own block: all that is older lies with the upstream.
  const words = [
    '--rpc',
    stage.fork.url,
    '--anchor',
    stage.anchor,
    '--log',
    folder,
    '--from-block',
    `${stage.anchorBlock}`,
    '--json',
  ]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MAIN, ...words], { timeout: AUDIT_MS_MAX }, (error, stdout, stderr) => {
      if (stdout === '') return reject(new Error(`expected a report of the auditor, got: ${stderr}`, { cause: error }))
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, report: JSON.parse(stdout) as AuditReport })
    })
  })
}
