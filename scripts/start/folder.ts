/** The data folder as `npm start` uses it: one start at a time, one kind of journal, and a way to begin again. */
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { isAddress } from '../../enclave/protocol/ids.ts'
import { writeDurably } from '../../host/durable-file.ts'
import { type DataPaths, pathsOf } from '../../host/paths.ts'
import { lockFolder } from '../chain/lock.ts'
import type { StartOptions } from './options.ts'
import type { RosterItem } from './policy.ts'

export type Folder = {
  readonly root: string
  readonly paths: DataPaths
  readonly chain: string
  readonly redis: string
  readonly logs: string
  readonly attacks: string
  readonly enclaveConfig: string
  readonly genesis: string
  readonly wrappingKey: string
  /** The whole shipped journal, and the part of it that is released. */
  readonly shipped: string
  readonly released: string
  readonly plan: string
}

const Plan = z.strictObject({
  version: z.literal(1),
  /** Null: the shipped journal. */
  journal: z.string().nullable(),
  roster: z.array(z.strictObject({ id: z.string(), recipient: z.string().refine(isAddress) })),
  /** Recipients that the embedded world does not register with Livepeer's bonding. */
  unregistered: z.array(z.string().refine(isAddress)),
})
/** What the first start of a folder decided; later ones follow it. */
export type Plan = Omit<z.infer<typeof Plan>, 'roster'> & { readonly roster: readonly RosterItem[] }

const FOLDER_MODE = 0o700

export function folderOf(root: string): Folder {
  return {
    root,
    paths: pathsOf(root),
    chain: join(root, 'chain'),
    redis: join(root, 'redis'),
    logs: join(root, 'logs'),
    attacks: join(root, 'attacks'),
    enclaveConfig: join(root, 'enclave.json'),
    genesis: join(root, 'genesis.json'),
    wrappingKey: join(root, 'keys', 'wrapping.key'),
    shipped: join(root, 'journal', 'shipped.log'),
    released: join(root, 'journal', 'ledger-events.log'),
    plan: join(root, 'start.json'),
  }
}

/**
 * Takes the folder for this process; with --fresh the old one is moved aside first. Returns what gives it back, and where
 * the old data went. Refuses DATA_LOCKED while another start uses it, CONFIG_INVALID when it cannot be made.
 */
export async function takeFolder(
  options: StartOptions,
): Promise<{ folder: Folder; release: () => void; aside: string | undefined }> {
  makeFolder(options.dataDir)
  let release = await lock(options.dataDir)
  let aside: string | undefined
  if (options.fresh && existsSync(folderOf(options.dataDir).plan)) {
    aside = `${options.dataDir}.aside-${new Date().toISOString().replace(/[:.]/g, '-')}`
    // The lock goes aside with the rest; whoever comes in between finds a new folder, and we lose the race in the open.
    renameSync(options.dataDir, aside)
    release()
    makeFolder(options.dataDir)
    release = await lock(options.dataDir)
  }
  return { folder: folderOf(options.dataDir), release, aside }
}

/** The plan of the folder, or undefined on a first start. Refuses CONFIG_INVALID when it does not read back. */
export function readPlan(folder: Folder): Plan | undefined {
  if (!existsSync(folder.plan)) return undefined
  try {
    return Plan.parse(JSON.parse(readFileSync(folder.plan, 'utf8')))
  } catch (cause) {
    throw new CodedError(
      'CONFIG_INVALID',
      `expected the plan of a start in ${folder.plan}; type: npm start -- --fresh`,
      { cause },
    )
  }
}

export async function writePlan(folder: Folder, plan: Plan): Promise<void> {
  await writeDurably(folder.plan, `${JSON.stringify(plan)}\n`)
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE })
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'an error'
    throw new CodedError(
      'CONFIG_INVALID',
      `expected a folder that can be made at ${path}, got ${why}; name another with --data`,
      { cause },
    )
  }
}

async function lock(dataDir: string): Promise<() => void> {
  try {
    return await lockFolder(dataDir)
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause
    throw new CodedError(
      'DATA_LOCKED',
      `another start works on ${dataDir}; stop it, or type: npm start -- --data OTHER`,
      { cause },
    )
  }
}
