/** The audit log as static files: names and contents of tiles and entry bundles (C2SP tlog-tiles). */
import { assert, CodedError } from './errors.ts'
import { HASH_BYTES } from './ids.ts'

export const TILE_WIDTH = 256
export const TILE_LEVEL_MAX = 63
/** The length before an entry is a uint16. */
export const ENTRY_BYTES_MAX = 65_535

const GROUP_DIGITS = 3
const LENGTH_BYTES = 2

/** width is 256 for a full tile, 1..255 for a partial one; a bundle of entries has no level. */
export type TileName =
  | { readonly kind: 'hashes'; readonly level: number; readonly index: number; readonly width: number }
  | { readonly kind: 'entries'; readonly index: number; readonly width: number }

/** The path under the log's prefix, such as `tile/0/x001/x234/067` or `tile/entries/273.p/112`. */
export function tilePath(tile: TileName): string {
  assert(tile.width >= 1 && tile.width <= TILE_WIDTH, 'a tile has 1..256 entries')
  const folder = tile.kind === 'hashes' ? tile.level.toString() : 'entries'
  const partial = tile.width === TILE_WIDTH ? '' : `.p/${tile.width}`
  return `tile/${folder}/${indexPath(tile.index)}${partial}`
}

/** Groups of three digits, all but the last after an `x`: 1234067 is x001/x234/067. */
function indexPath(index: number): string {
  assert(Number.isSafeInteger(index) && index >= 0, 'a tile index is a safe integer')
  const digits = index.toString()
  const padded = digits.padStart(Math.ceil(digits.length / GROUP_DIGITS) * GROUP_DIGITS, '0')
  const groups = padded.match(/[0-9]{3}/g) ?? []
  return groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join('/')
}

const TILE_FORM = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/

/** The tile that a path names, or undefined when the path is not in its one form. */
export function parseTilePath(path: string): TileName | undefined {
  const form = TILE_FORM.exec(path)
  if (form === null) return undefined
  const [, folder = '', groups = '', partial] = form
  const index = Number.parseInt(groups.replace(/[x/]/g, ''), 10)
  const width = partial === undefined ? TILE_WIDTH : Number.parseInt(partial, 10)
  const level = Number.parseInt(folder, 10)
  if (!Number.isSafeInteger(index) || width > TILE_WIDTH || level > TILE_LEVEL_MAX) return undefined
  const tile: TileName =
    folder === 'entries' ? { kind: 'entries', index, width } : { kind: 'hashes', level, index, width }
  return tilePath(tile) === path ? tile : undefined
}

/** Full tiles at `level` in a log of `size` entries; the partial one after them, of partialWidth, comes on top. */
export function fullTiles(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** (level + 1))
}

/** Entries of the partial tile at `level` in a log of `size`: 0..255, where 0 means that there is none. */
export function partialWidth(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level) % TILE_WIDTH
}

/** The hashes of a tile. Refuses TILE_SYNTAX when the length is not `width` hashes. */
export function decodeHashTile(bytes: Uint8Array, width: number): Uint8Array[] {
  if (bytes.length !== width * HASH_BYTES) {
    throw new CodedError('TILE_SYNTAX', `expected ${width} hashes of 32 bytes, got ${bytes.length} bytes`)
  }
  const hashes: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += HASH_BYTES) hashes.push(copy(bytes, at, at + HASH_BYTES))
  return hashes
}

/** Entries, each behind its length. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  assert(entries.length >= 1 && entries.length <= TILE_WIDTH, 'a bundle has 1..256 entries')
  const bytes = new Uint8Array(entries.reduce((size, entry) => size + LENGTH_BYTES + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    assert(entry.length <= ENTRY_BYTES_MAX, 'an entry is within ENTRY_BYTES_MAX')
    bytes[at] = entry.length >> 8
    bytes[at + 1] = entry.length
    bytes.set(entry, at + LENGTH_BYTES)
    at += LENGTH_BYTES + entry.length
  }
  return bytes
}

/** The `width` entries of a bundle. Refuses TILE_SYNTAX when bytes are missing or left over. */
export function decodeEntryBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = []
  let at = 0
  while (entries.length < width) {
    const start = at + LENGTH_BYTES
    const [high, low] = [bytes[at], bytes[at + 1]]
    const end = high === undefined || low === undefined ? Number.POSITIVE_INFINITY : start + high * 256 + low
    if (end > bytes.length)
      throw new CodedError('TILE_SYNTAX', `expected ${width} entries, got ${entries.length} whole ones`)
    entries.push(copy(bytes, start, end))
    at = end
  }
  if (at === bytes.length) return entries
  throw new CodedError('TILE_SYNTAX', `expected ${width} entries, got ${bytes.length - at} bytes after them`)
}

/** A copy even of a Buffer, whose own slice() shares memory. */
function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end))
}
