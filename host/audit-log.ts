/**
 * The public log as static files (C2SP tlog-tiles) under DATA/audit: only what a final commit covers. What comes after
 * waits in audit/pending, a file per boot, and stays there for ever if its boot loses.
 *
 * Publishing is 1 entry bundles, 2 hash tiles, 3 size, 4 checkpoint; each file whole or absent. A crash in between leaves
 * files beyond the size that are written again with the same bytes, since a final log has one form.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { type Hash, isHash, toHash } from '../enclave/protocol/ids.ts'
import { EMPTY_LOG_ROOT, leafHash, nodeHash, rangeRoot } from '../enclave/protocol/log-tree.ts'
import { decodeEntryBundle, decodeHashTile, encodeEntryBundle, TILE_WIDTH, tilePath } from '../enclave/protocol/tlog.ts'
import { concatBytes } from '../enclave/protocol/words.ts'
import { readIfThere, readJsonIfThere, writeDurably } from './durable-file.ts'
import { EntryReader } from './entry-reader.ts'
import type { DataPaths } from './paths.ts'

export type Published = { readonly size: number; readonly root: Hash }
/** A final commit: the log it covers, the boot whose records hold its tail, the note its enclave signed, if known. */
export type FinalCommit = {
  readonly session: string
  readonly logSize: number
  readonly logRoot: Hash
  readonly checkpoint: string | undefined
}

export type AuditLog = {
  published(): Promise<Published>
  /** Refuses AUDIT_STORE when entries are missing, LOG_MISMATCH when they don't have the anchored root. */
  publish(commit: FinalCommit): Promise<Published>
  close(): Promise<void>
}

const SIZE_FILE = 'size.json'
const TILE_HEIGHT = 8
const LEVELS_MAX = 8
const Size = z.strictObject({ size: z.int().nonnegative(), root: z.string().refine(isHash) })
const EMPTY: Published = { size: 0, root: toHash(EMPTY_LOG_ROOT) }

export function openAuditLog(paths: DataPaths): AuditLog {
  const reader = new EntryReader(paths)
  return {
    published: () => readPublished(paths),
    publish: (commit) => publish(paths, reader, commit),
    close: () => reader.close(),
  }
}

async function readPublished(paths: DataPaths): Promise<Published> {
  return (await readJsonIfThere(join(paths.audit, SIZE_FILE), Size, 'AUDIT_STORE')) ?? EMPTY
}

async function publish(paths: DataPaths, reader: EntryReader, commit: FinalCommit): Promise<Published> {
  const before = await readPublished(paths)
  if (commit.logSize < before.size) return before
  if (commit.logSize === before.size) {
    // Again after a crash between size and checkpoint: only the checkpoint may be missing.
    await writeCheckpoint(paths, commit)
    return before
  }
  const entries = await reader.between(commit.session, before.size, commit.logSize)
  const store = new TileStore(paths.audit)
  await store.append(before.size, entries)
  const root = await store.root(commit.logSize)
  if (root !== commit.logRoot) {
    throw new CodedError(
      'LOG_MISMATCH',
      `expected root ${commit.logRoot} at size ${commit.logSize}, the stored log has ${root}`,
    )
  }
  const after = { size: commit.logSize, root }
  await writeDurably(join(paths.audit, SIZE_FILE), `${JSON.stringify(after)}\n`)
  await writeCheckpoint(paths, commit)
  await store.dropPartials(before.size, commit.logSize)
  return after
}

async function writeCheckpoint(paths: DataPaths, { checkpoint }: FinalCommit): Promise<void> {
  if (checkpoint !== undefined) await writeDurably(join(paths.audit, 'checkpoint'), checkpoint)
}

/** Tiles on disk. Within one publication every tile that was read or written is kept. */
class TileStore {
  readonly #root: string
  readonly #tiles = new Map<string, Uint8Array[]>()

  constructor(root: string) {
    this.#root = root
  }

  /** Adds entries after `size`, bundles first, then hash tiles upwards. */
  async append(size: number, entries: readonly Uint8Array[]): Promise<void> {
    await this.#extend(size, entries, undefined)
    let [from, hashes] = [size, entries.map(leafHash)]
    for (let level = 0; level < LEVELS_MAX; level++) {
      if (hashes.length === 0) return
      const full = await this.#extend(from, hashes, level)
      from = Math.floor(from / TILE_WIDTH)
      hashes = full.map(treeHead)
    }
  }

  async root(size: number): Promise<Hash> {
    await this.#loadFrontier(size)
    return size === 0 ? EMPTY.root : toHash(rangeRoot(0, size, (level, index) => this.#node(level, index)))
  }

  /** Partial tiles of the old size whose full ones are there now. */
  async dropPartials(before: number, after: number): Promise<void> {
    for (const name of ['entries', ...Array.from({ length: LEVELS_MAX }, (_, level) => level)]) {
      const span = TILE_WIDTH ** (name === 'entries' ? 1 : Number(name) + 1)
      const index = Math.floor(before / span)
      if (index >= Math.floor(after / span)) continue
      await rm(`${join(this.#root, pathOf(name === 'entries' ? undefined : Number(name), index, TILE_WIDTH))}.p`, {
        recursive: true,
        force: true,
      })
    }
  }

  /** Writes the tiles of one level that `items` touch, and returns the hashes of those that became full. */
  async #extend(from: number, items: readonly Uint8Array[], level: number | undefined): Promise<Uint8Array[][]> {
    const full: Uint8Array[][] = []
    let at = from
    for (let taken = 0; taken < items.length; ) {
      const index = Math.floor(at / TILE_WIDTH)
      const held = at % TILE_WIDTH === 0 ? [] : await this.#load(level, index, at % TILE_WIDTH)
      const part = items.slice(taken, taken + TILE_WIDTH - held.length)
      const tile = [...held, ...part]
      await this.#write(level, index, tile)
      if (tile.length === TILE_WIDTH) full.push(tile)
      taken += part.length
      at += part.length
    }
    return full
  }

  async #write(level: number | undefined, index: number, tile: Uint8Array[]): Promise<void> {
    const bytes = level === undefined ? encodeEntryBundle(tile) : concatBytes(...tile)
    await writeDurably(join(this.#root, pathOf(level, index, tile.length)), bytes)
    if (level !== undefined) this.#tiles.set(`${level}/${index}`, tile)
  }

  async #load(level: number | undefined, index: number, width: number): Promise<Uint8Array[]> {
    const path = pathOf(level, index, width)
    const partial = await readIfThere(join(this.#root, path))
    if (partial !== undefined)
      return level === undefined ? decodeEntryBundle(partial, width) : decodeHashTile(partial, width)
    // A later publication, cut short, may have dropped the partial tile: its beginning is that of the full one.
    const whole = await readIfThere(join(this.#root, pathOf(level, index, TILE_WIDTH)))
    if (whole === undefined) throw new CodedError('AUDIT_STORE', `expected ${path} in the audit log, it is missing`)
    return (level === undefined ? decodeEntryBundle(whole, TILE_WIDTH) : decodeHashTile(whole, TILE_WIDTH)).slice(
      0,
      width,
    )
  }

  /** The tiles at the right edge: all that the root needs. */
  async #loadFrontier(size: number): Promise<void> {
    for (let level = 0; level < LEVELS_MAX; level++) {
      const count = Math.floor(size / TILE_WIDTH ** level)
      const width = count % TILE_WIDTH
      const index = Math.floor(count / TILE_WIDTH)
      if (width > 0 && !this.#tiles.has(`${level}/${index}`))
        this.#tiles.set(`${level}/${index}`, await this.#load(level, index, width))
    }
  }

  #node(level: number, index: number): Uint8Array {
    const tileLevel = Math.floor(level / TILE_HEIGHT)
    const width = 2 ** (level % TILE_HEIGHT)
    const first = index * width
    const tile = this.#tiles.get(`${tileLevel}/${Math.floor(first / TILE_WIDTH)}`)
    const hashes = tile?.slice(first % TILE_WIDTH, (first % TILE_WIDTH) + width) ?? []
    if (hashes.length !== width) throw new CodedError('AUDIT_STORE', `expected hash tile ${tileLevel}, it is too short`)
    return treeHead(hashes)
  }
}

function treeHead(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes
  while (level.length > 1)
    level = Array.from({ length: level.length / 2 }, (_, at) =>
      nodeHash(level[2 * at] as Uint8Array, level[2 * at + 1] as Uint8Array),
    )
  return level[0] as Uint8Array
}

function pathOf(level: number | undefined, index: number, width: number): string {
  return tilePath(level === undefined ? { kind: 'entries', index, width } : { kind: 'hashes', level, index, width })
}
