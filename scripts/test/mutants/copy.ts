/** A copy of the sources to take protections out of: nothing of the working tree is ever changed. */
import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant } from './patches.ts'

export type Copy = { readonly folder: string; remove(): Promise<void> }

const COPIED_FILES = ['package.json', 'tsconfig.json', '.mocharc.json', 'hardhat.config.ts']
/** Of what was compiled or installed only what a test reads. */
const LEFT = ['node_modules', 'artifacts', 'cache', 'docs']

export async function copySources(from: string): Promise<Copy> {
  const folder = await mkdtemp(join(tmpdir(), 'mutant-'))
  await mkdir(join(folder, 'artifacts'))
  const top = await readdir(from, { withFileTypes: true })
  const folders = top.filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.') && !LEFT.includes(entry.name),
  )
  for (const name of [...folders.map((entry) => entry.name), 'artifacts/contracts', ...COPIED_FILES])
    await cp(join(from, name), join(folder, name), { recursive: true, verbatimSymlinks: true })
  await symlink(join(from, 'node_modules'), join(folder, 'node_modules'))
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** Takes the protection out. Throws when the patch does not fit the sources as they are now. */
export function applyPatch(copy: Copy, root: string, { patch }: Mutant): void {
  // Without fuzz: a patch that fits only roughly may take out something else.
  const { status, stderr } = spawnSync('git', ['apply', '--whitespace=nowarn', join(root, patch)], {
    cwd: copy.folder,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the patch does not fit: ${stderr.trim()}`)
}

/** Brings the files back that a mutant changed. */
export async function restore(copy: Copy, pristine: Copy, changed: readonly string[]): Promise<void> {
  for (const path of changed) await cp(join(pristine.folder, path), join(copy.folder, path))
}
