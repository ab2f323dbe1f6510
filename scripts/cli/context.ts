/** The data folder of a command, opened for as long as the command takes. */
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { loadHostConfig } from '../../host/config.ts'
import { type Context, openContext } from '../../host/context.ts'
import { openLog } from '../../host/log.ts'
import type { Terminal } from './answer.ts'

export const ROOT = join(import.meta.dirname, '..', '..')
export const DATA_VARIABLE = 'ANCHORHOLD_DATA'

/** The folder of --data, of ANCHORHOLD_DATA, or the one that `npm start` makes. */
export function dataDirOf(data: string | undefined, { environment, typedIn }: Terminal): string {
  const named = data ?? environment[DATA_VARIABLE]
  return named === undefined || named === '' ? join(ROOT, '.anchorhold', 'demo') : resolve(typedIn, named)
}

/** Opens the host's context, runs, and closes it however that ends. Refuses CONFIG_INVALID, POLICY_INVALID. */
export async function withContext<T>(
  data: string | undefined,
  terminal: Terminal,
  run: (context: Context) => Promise<T>,
): Promise<T> {
  const config = loadHostConfig(dataDirOf(data, terminal), terminal.environment)
  const context = openContext(
    config,
    openLog({ level: config.logLevel === 'info' ? 'warn' : config.logLevel, name: 'cli' }),
  )
  try {
    return await run(context)
  } finally {
    await context.close()
  }
}

/** Writes what is about to be done, and by whom, before it is done: a command that dies half way is in the log. */
export async function recordCommand(
  { control, now }: Pick<Context, 'control' | 'now'>,
  command: string,
  details: { readonly [key: string]: unknown } = {},
): Promise<void> {
  await control.record(command, { by: userName(), ...details }, now())
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user that the system has no name for, as in some containers.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
