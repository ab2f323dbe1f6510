/** A log as a host publishes it, true or not, and the auditor's program on it. */
import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { main } from '../../auditor/main.ts'
import { writeTiles } from '../e2e/auditor-stage.ts'
import type { Stage } from './stage.ts'

export type Verdict = { readonly exit: number; readonly findings: readonly { code: string; subject: string }[] }
export type Notice = { readonly code: string; readonly subject: string; readonly text: string }

/** Audits these entries under this checkpoint against the stage's chain. */
export async function auditOf(
  stage: Stage,
  name: string,
  entries: readonly Uint8Array[],
  checkpoint: string,
): Promise<Verdict> {
  const { exit, findings } = await reportOf(stage, name, { entries, checkpoint })
  return { exit, findings }
}

export type Published = { readonly entries: readonly Uint8Array[]; readonly checkpoint: string }

/** The same, with what is worth a reader's look and no breach, and with further words for the auditor. */
export async function reportOf(
  stage: Stage,
  name: string,
  { entries, checkpoint }: Published,
  ...more: readonly string[]
): Promise<Verdict & { readonly notices: readonly Notice[] }> {
  const folder = join(stage.folder, name)
  await mkdir(folder)
  await writeTiles(folder, entries)
  writeFileSync(join(folder, 'checkpoint'), checkpoint)
  const lines: string[] = []
  const words = ['--rpc', stage.node.url, '--anchor', stage.anchor, '--log', folder, '--depth', '0', '--json', ...more]
  const keep = (text: string): void => void lines.push(text)
  const exit = await main(words, { out: keep, err: keep })
  const said = lines.join('')
  assert(said.startsWith('{'), `expected a report, got ${said.slice(0, 200)}`)
  const { findings, notices } = JSON.parse(said) as Verdict & { readonly notices: readonly Notice[] }
  return { exit, findings, notices }
}
