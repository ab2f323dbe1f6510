/**
 * What a process has written and not synced, with what stood there before. A power cut undoes it: the content of a file
 * falls back to its last fsync, a name to the last fsync of its folder. A program that goes on without the fsync that it
 * owes loses here what it promised.
 */
import files from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

/** The calls of the system, taken before any of them is put behind a gate. */
export const system = { ...files, promises: { ...files.promises } }

const SPARES_MAX = 100_000

type Name = { readonly folder: string; readonly undo: () => void; readonly forget: () => void }

export class Unsynced {
  readonly #root: string
  /** Content as of the last fsync, by path. */
  readonly #contents = new Map<string, Buffer>()
  /** Names given and taken, oldest first. */
  #names: Name[] = []
  #spares = 0

  constructor(root: string) {
    this.#root = root
  }

  isOurs(path: string): boolean {
    return this.#root !== '' && !relative(this.#root, path).startsWith('..')
  }

  /** Before a write. */
  noteWrite(path: string): void {
    if (this.isOurs(path) && !this.#contents.has(path)) this.#contents.set(path, system.readFileSync(path))
  }

  /** After the fsync of a file, or of a folder and the names in it. */
  noteSync(path: string): void {
    this.#contents.delete(path)
    for (const name of this.#names) if (name.folder === path) name.forget()
    this.#names = this.#names.filter(({ folder }) => folder !== path)
  }

  noteMade(path: string): void {
    this.#note(path, () => system.rmSync(path, { recursive: true, force: true }))
  }

  noteRename(from: string, to: string, replaced: string | undefined): void {
    const content = this.#contents.get(from)
    this.#contents.delete(from)
    if (content !== undefined) this.#contents.set(to, content)
    const undo = () => {
      if (system.existsSync(to)) system.renameSync(to, from)
      if (replaced !== undefined) system.renameSync(replaced, to)
    }
    this.#note(to, undo, replaced)
  }

  noteRemoved(path: string, spare: string | undefined): void {
    if (spare !== undefined) this.#note(path, () => system.renameSync(spare, path), spare)
  }

  /** Another name for a file, out of the way, from which it can come back; undefined for what cannot. */
  spareOf(path: string): string | undefined {
    if (!this.isOurs(path) || !system.existsSync(path) || system.statSync(path).isDirectory()) return undefined
    if (++this.#spares > SPARES_MAX) throw new Error(`expected at most ${SPARES_MAX} files replaced or removed`)
    const spare = join(tmpdir(), `unsynced-${process.pid}-${this.#spares}`)
    system.linkSync(path, spare)
    return spare
  }

  losePower(): void {
    for (const [path, content] of this.#contents) if (system.existsSync(path)) system.writeFileSync(path, content)
    for (const { undo } of this.#names.toReversed()) undo()
  }

  /** Names of files that would come back are dropped: a process that ends leaves nothing beside its data. */
  forget(): void {
    for (const { forget } of this.#names) forget()
    this.#names = []
  }

  #note(path: string, undo: () => void, spare?: string): void {
    if (!this.isOurs(path)) return
    const forget = () => spare !== undefined && system.rmSync(spare, { force: true })
    this.#names.push({ folder: dirname(path), undo, forget })
  }
}
