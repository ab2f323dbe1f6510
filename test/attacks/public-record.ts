/** The public log of a stage as static files, honest or not, and what a stranger's audit of it says. */
import { strict as assert } from 'node:assert'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type AuditReport, runAudit } from '../../auditor/audit.ts'
import { leafHash } from '../../enclave/protocol/log-tree.ts'
import { encodeEntryBundle, TILE_WIDTH, tilePath } from '../../enclave/protocol/tlog.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import type { Stage } from './stage.ts'

/** Writes entries and a checkpoint as C2SP has them; what is written need not fit together. */
export function writeLog(folder: string, entries: readonly Uint8Array[], checkpoint: string): string {
  assert(entries.length > 0 && entries.length < TILE_WIDTH, 'a log of one partial tile')
  rmSync(folder, { recursive: true, force: true })
  const place = { index: 0, width: entries.length }
  write(join(folder, tilePath({ kind: 'entries', ...place })), encodeEntryBundle([...entries]))
  write(join(folder, tilePath({ kind: 'hashes', level: 0, ...place })), concatBytes(...entries.map(leafHash)))
  write(join(folder, 'checkpoint'), checkpoint)
  return folder
}

function write(path: string, content: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** The audit that anyone can run. Every block of the stage is final. */
export function audit(stage: Stage, log: string): Promise<AuditReport> {
  return runAudit({ rpcUrl: stage.node.url, anchor: stage.anchor, log, depthBlocks: 0 })
}

/** The codes of what it found, each once. */
export async function findings(stage: Stage, log: string): Promise<readonly string[]> {
  const report = await audit(stage, log)
  return [...new Set(report.findings.map(({ code }) => code))]
}
