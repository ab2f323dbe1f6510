/**
 * Other keys take the ledger over, never beside the old ones (protocol section 5). The next keys wait in keys/next.json; a
 * boot takes them once the chain names their authority, whether by a signed rotation or by the guardian. While a rotation
 * is on its way, no boot opens a session for the old ones: that would take the epoch that the rotation was signed for.
 */
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { type Address, isAddress, toAddress } from '../enclave/protocol/ids.ts'
import type { Context } from './context.ts'
import { readIfThere, readJsonIfThere, syncFolder, writeDurably } from './durable-file.ts'
import type { DataPaths } from './paths.ts'

const Rotation = z.strictObject({ newAuthority: z.string().refine(isAddress), atMs: z.int().nonnegative() })
const Keys = z.looseObject({ address: z.string().refine(isAddress) })

const rotationFile = (paths: DataPaths) => join(paths.control, 'rotation.json')

/** Written before the old enclave signs: a crash after it leaves a ledger that waits, never two authorities. */
export async function beginRotation(paths: DataPaths, newAuthority: Address, atMs: number): Promise<void> {
  await writeDurably(rotationFile(paths), `${JSON.stringify({ newAuthority, atMs })}\n`)
}

export async function endRotation(paths: DataPaths): Promise<void> {
  await rm(rotationFile(paths), { force: true })
}

/** The authority of keys/next.json, undefined without one. Refuses CONFIG_INVALID. */
export async function nextAuthority(paths: DataPaths): Promise<Address | undefined> {
  const keys = await readJsonIfThere(paths.nextKeyFile, Keys, 'CONFIG_INVALID')
  return keys === undefined ? undefined : toAddress(keys.address)
}

/**
 * Before a boot provisions: the next keys take the place of the old ones when the anchor names them. Refuses
 * PHASE_FORBIDS while a rotation is on its way.
 */
export async function takeNextKeys({ config, chain, log }: Pick<Context, 'config' | 'chain' | 'log'>): Promise<void> {
  const { paths } = config
  const next = await nextAuthority(paths)
  if (next !== undefined && (await chain.facts(next)).authority === next) {
    // 1 the old keys under a name of their own, 2 the new ones in their place. A crash in between leaves both.
    const old = await readIfThere(paths.keyFile)
    if (old !== undefined) await writeDurably(join(paths.keys, `before-${next}.json`), old)
    await rename(paths.nextKeyFile, paths.keyFile)
    await syncFolder(paths.keys)
    log.warn({ authority: next }, 'the next keys take over')
    return endRotation(paths)
  }
  const rotation = await readJsonIfThere(rotationFile(paths), Rotation, 'CONFIG_INVALID')
  if (rotation !== undefined)
    throw new CodedError(
      'PHASE_FORBIDS',
      `expected the rotation to ${rotation.newAuthority} to land first; give it up by: anchorhold rotate --give-up`,
    )
}
