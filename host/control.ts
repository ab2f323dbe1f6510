/** What operators decided, in files: a pause held in Redis would be undone by its loss. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { isStage, type Stage } from '../queues/names.ts'
import { appendLines, isMissing, readJsonIfThere, writeDurably } from './durable-file.ts'
import type { DataPaths } from './paths.ts'

const Flag = z.strictObject({ stage: z.string(), code: z.string(), reason: z.string(), atMs: z.int() })
/** Why a stage stands still. `code` is PAUSED for an operator's pause, an error code for a stop. */
export type Flag = z.infer<typeof Flag>

export const REASON_CHARACTERS_MAX = 500
export const PAUSED = 'PAUSED'

export type Control = {
  /** The flag that keeps a stage from running, or undefined. */
  flagOf(stage: Stage): Promise<Flag | undefined>
  flags(): Promise<Flag[]>
  /** Stops a stage until `clear`. Refuses CONFIG_INVALID for an unknown stage. */
  set(stage: string, code: string, reason: string, atMs: number): Promise<void>
  clear(stage: string, atMs: number): Promise<void>
  /** One line in the operators' log. */
  record(action: string, details: { readonly [key: string]: unknown }, atMs: number): Promise<void>
}

export function openControl(paths: DataPaths): Control {
  const pathOf = (stage: Stage) => join(paths.control, `stop-${stage}.json`)
  const record: Control['record'] = (action, details, atMs) =>
    appendLines(join(paths.control, 'operators.log'), `${JSON.stringify({ action, ...details, atMs })}\n`)
  return {
    flagOf: (stage) => readFlag(pathOf(stage)),
    flags: () => readFlags(paths),
    set: async (stage, code, reason, atMs) => {
      const flag = { stage, code, reason: reason.slice(0, REASON_CHARACTERS_MAX), atMs }
      await writeDurably(pathOf(requireStage(stage)), `${JSON.stringify(flag)}\n`)
      await record('stop', flag, atMs)
    },
    clear: async (stage, atMs) => {
      await rm(pathOf(requireStage(stage)), { force: true })
      await record('resume', { stage }, atMs)
    },
    record,
  }
}

function requireStage(text: string): Stage {
  if (isStage(text)) return text
  throw new CodedError('CONFIG_INVALID', `expected a stage: ingest, prepare, broadcast or confirm, got ${text}`)
}

/** A flag that does not read back keeps its stage standing: who set it meant something. */
function readFlag(path: string): Promise<Flag | undefined> {
  return readJsonIfThere(path, Flag, 'CONFIG_INVALID')
}

async function readFlags(paths: DataPaths): Promise<Flag[]> {
  const names = await readdir(paths.control).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
  const flags: Flag[] = []
  for (const name of names.filter((text) => text.startsWith('stop-') && text.endsWith('.json')).sort()) {
    const flag = await readFlag(join(paths.control, name))
    if (flag !== undefined) flags.push(flag)
  }
  return flags
}
