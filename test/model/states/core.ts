/**
 * The part of the enclave that the search runs: its own pure core, or a copy of it with one protection cut out. No switch
 * for that may exist in the enclave itself, so the copy is made from the source text, here and now.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

type Source = {
  readonly 'core/commit': typeof import('../../../enclave/core/commit.ts')
  readonly 'core/genesis': typeof import('../../../enclave/core/genesis.ts')
  readonly 'core/intake': typeof import('../../../enclave/core/intake.ts')
  readonly 'core/ledger': typeof import('../../../enclave/core/ledger.ts')
  readonly 'core/settle': typeof import('../../../enclave/core/settle.ts')
  readonly 'core/snapshot': typeof import('../../../enclave/core/snapshot.ts')
  readonly 'protocol/header': typeof import('../../../enclave/protocol/header.ts')
  readonly 'shell/fast-hashes': typeof import('../../../enclave/shell/fast-hashes.ts')
}

export type Core = Pick<Source['core/commit'], 'makeCommit'> &
  Pick<Source['core/genesis'], 'makeGenesis'> &
  Pick<Source['core/intake'], 'takeLines'> &
  Pick<Source['core/ledger'], 'write'> &
  Pick<Source['core/settle'], 'decideLoad' | 'decideSettle'> &
  Pick<Source['core/snapshot'], 'decodeSnapshot' | 'encodeSnapshot'> &
  Pick<Source['protocol/header'], 'foldHead'>

/** One protection: the file and the text that are it, and what stands there without it. */
export type Cut = { readonly file: string; readonly from: string; readonly to: string }

/** Each `from` occurs exactly once in its file. */
export const CUTS = {
  fold: {
    file: 'protocol/header.ts',
    from: 'return toHash(keccak256(concatBytes(hashWord(next), uintWord(bitmap))))',
    to: 'return next',
  },
  /** The claim stands in for the state's own head, as a load that believes its host would have it. */
  loadRule: {
    file: 'core/settle.ts',
    from: 'if (claim.head !== state.head || claim.bitmap !== null)',
    to: 'state.head = claim.head; if (false)',
  },
  /** The claim is not compared, and the state keeps its head. */
  loadRefusal: {
    file: 'core/settle.ts',
    from: 'if (claim.head !== state.head || claim.bitmap !== null)',
    to: 'if (false)',
  },
} as const satisfies Record<string, Cut>

const ENCLAVE = resolve(import.meta.dirname, '../../../enclave')
const folders: string[] = []

export function loadCore(): Promise<Core> {
  return importCore(ENCLAVE)
}

/** The core with one protection taken out. Throws when the cut no longer fits the source. */
export async function loadCoreWithout(name: keyof typeof CUTS): Promise<Core> {
  const folder = mkdtempSync(join(tmpdir(), 'core-'))
  folders.push(folder)
  const copy = join(folder, 'enclave')
  cpSync(ENCLAVE, copy, { recursive: true })
  symlinkSync(resolve(ENCLAVE, '../node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const { file, from, to } = CUTS[name]
  const source = readFileSync(join(ENCLAVE, file), 'utf8')
  if (source.split(from).length !== 2) throw new Error(`the protection ${name} is not in ${file} exactly once`)
  writeFileSync(
    join(copy, file),
    source.replace(from, () => to),
  )
  return importCore(copy)
}

export function removeCopies(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
}

async function importCore(enclave: string): Promise<Core> {
  const from = <P extends keyof Source>(path: P): Promise<Source[P]> =>
    import(pathToFileURL(join(enclave, `${path}.ts`)).href) as Promise<Source[P]>
  await (await from('shell/fast-hashes')).installFastHashes()
  return {
    ...pick(await from('core/commit'), 'makeCommit'),
    ...pick(await from('core/genesis'), 'makeGenesis'),
    ...pick(await from('core/intake'), 'takeLines'),
    ...pick(await from('core/ledger'), 'write'),
    ...pick(await from('core/settle'), 'decideLoad', 'decideSettle'),
    ...pick(await from('core/snapshot'), 'decodeSnapshot', 'encodeSnapshot'),
    ...pick(await from('protocol/header'), 'foldHead'),
  }
}

function pick<T extends object, K extends keyof T>(module: T, ...names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, module[name]])) as Pick<T, K>
}
