/**
 * Other keys take the ledger over, never beside the old ones (protocol section 5). The next keys wait in keys/next.json; a
 * boot takes them once the chain names their authority, whether by a signed rotation or by the guardian. While a rotation
 * is on its way, no boot opens a session for the old ones: that would take the epoch that the rotation was signed for.
 */
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { type Address, type Hash, isAddress, toAddress, toHash } from '../enclave/protocol/ids.ts'
import { QUORUM_MAX } from '../enclave/protocol/policy.ts'
import type { AnchorFacts } from './chain.ts'
import type { HostConfig } from './config.ts'
import type { Context } from './context.ts'
import { readIfThere, readJsonIfThere, syncFolder, writeDurably } from './durable-file.ts'
import type { DataPaths } from './paths.ts'
import { askForRebuild } from './rebuild.ts'

const address = z.string().refine(isAddress)
const hash = z.string().regex(/^0x[0-9a-f]{64}$/)
const signature = z.string().regex(/^0x[0-9a-f]{130}$/)
const Approved = z.strictObject({
  epoch: z.int().nonnegative(),
  newAuthority: address,
  logKey: hash,
  config: hash,
  imageDigest: hash,
  notAfter: z.int().nonnegative(),
  signatures: z.array(signature).max(QUORUM_MAX),
})
const Rotation = z.strictObject({ atMs: z.int().nonnegative(), approval: Approved })
const Keys = z.looseObject({ address, log_key: hash.optional() })

/** What a quorum signed about the next enclave, as `rebuild` and `load_state` take it. */
export type Approval = z.infer<typeof Approved>
export type Rotation = z.infer<typeof Rotation>
/** `logKey` is there when the state key is a fresh one: nothing that is sealed opens under it. */
export type OwnKeys = { readonly authority: Address; readonly logKey: Hash | undefined }

const rotationFile = (paths: DataPaths) => join(paths.control, 'rotation.json')

/** What the next enclave is told, where its state key is a fresh one: beside the configuration that is in force. */
export function nextConfigFile({ enclaveConfig }: Pick<HostConfig, 'enclaveConfig'>): string {
  return enclaveConfig.replace(/(\.json)?$/, '.next.json')
}

/** Written before the old enclave signs: a crash after it leaves a ledger that waits, never two authorities. */
export async function beginRotation(paths: DataPaths, rotation: Rotation): Promise<void> {
  await writeDurably(rotationFile(paths), `${JSON.stringify(rotation)}\n`)
}

/** Once it is given up, or final beyond any use of its approval. */
export async function endRotation(paths: DataPaths): Promise<void> {
  await rm(rotationFile(paths), { force: true })
}

/** Undefined without one. Refuses CONFIG_INVALID. */
export async function readRotation(paths: DataPaths): Promise<Rotation | undefined> {
  return readJsonIfThere(rotationFile(paths), Rotation, 'CONFIG_INVALID')
}

/** Who the keys in keys/next.json or keys/keys.json are, undefined without them. Refuses CONFIG_INVALID. */
export async function readOwnKeys(path: string): Promise<OwnKeys | undefined> {
  const keys = await readJsonIfThere(path, Keys, 'CONFIG_INVALID')
  const authority = keys === undefined ? undefined : toAddress(keys.address)
  if (keys === undefined || authority === undefined) return undefined
  return {
    authority,
    logKey: keys.log_key === undefined ? undefined : toHash(Buffer.from(keys.log_key.slice(2), 'hex')),
  }
}

/** The approval, where it is for what the anchor names now. One of another epoch is refused by every enclave [F3]. */
export async function approvalFor(
  paths: DataPaths,
  { epoch, authority }: Pick<AnchorFacts, 'epoch' | 'authority'>,
): Promise<Approval | undefined> {
  const approval = (await readRotation(paths))?.approval
  return approval?.epoch === epoch && approval.newAuthority === authority ? approval : undefined
}

type Taking = Pick<Context, 'config' | 'chain' | 'log' | 'now'>

/**
 * Before a boot provisions: the next keys take the place of the old ones when the anchor names them. True when a
 * configuration came with them. Refuses PHASE_FORBIDS while a rotation is on its way.
 */
export async function takeNextKeys(context: Taking): Promise<boolean> {
  const { config, chain } = context
  const next = await readOwnKeys(config.paths.nextKeyFile)
  if (next !== undefined && (await chain.facts(next.authority)).authority === next.authority)
    return replaceKeys(context, next)
  await waitForRotation(context)
  return false
}

/**
 * 1 the request for a rebuild, 2 the old configuration and the old keys under names of their own, 3 the next configuration
 * in its place, 4 the next keys in theirs. A crash before 4 leaves keys/next.json, and the next boot begins at 1 again;
 * whatever stood in its place by then is passed over.
 */
async function replaceKeys({ config, log, now }: Taking, { authority, logKey }: OwnKeys): Promise<boolean> {
  const { paths } = config
  const isFresh = logKey !== undefined
  if (isFresh) await askForRebuild(paths, now())
  const isConfigured = isFresh && (await takeNextConfig(config, authority))
  const old = await readIfThere(paths.keyFile)
  if (old !== undefined) await writeDurably(join(paths.keys, `before-${authority}.json`), old)
  await rename(paths.nextKeyFile, paths.keyFile)
  await syncFolder(paths.keys)
  log.warn({ authority, freshState: isFresh }, 'the next keys take over')
  return isConfigured
}

async function takeNextConfig(config: HostConfig, authority: Address): Promise<boolean> {
  const { enclaveConfig } = config
  const next = nextConfigFile(config)
  if ((await readIfThere(next)) === undefined) return false
  const old = await readIfThere(enclaveConfig)
  if (old !== undefined) await writeDurably(enclaveConfig.replace(/(\.json)?$/, `.before-${authority}.json`), old)
  await rename(next, enclaveConfig)
  await syncFolder(dirname(enclaveConfig))
  return true
}

/** What was signed for an epoch that has passed has landed or never will; once that is final, the note goes. */
async function waitForRotation({ config, chain }: Taking): Promise<void> {
  const rotation = await readRotation(config.paths)
  if (rotation === undefined) return
  const { epoch, newAuthority } = rotation.approval
  if ((await chain.facts(newAuthority)).epoch < epoch)
    throw new CodedError(
      'PHASE_FORBIDS',
      `expected the rotation to ${newAuthority} to land first; give it up by: anchorhold rotate --give-up`,
    )
  if ((await chain.final()).epoch > epoch) await endRotation(config.paths)
}
