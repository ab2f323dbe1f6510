/** A folder of this thread for readers that want a file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

let folder: string | undefined

export function aFolder(): string {
  folder ??= mkdtempSync(join(tmpdir(), 'fuzz-'))
  return folder
}

/** Writes a file and gives its path. */
export function aFile(name: string, content: Uint8Array | string): string {
  const path = join(aFolder(), name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

export function removeFiles(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  folder = undefined
}
