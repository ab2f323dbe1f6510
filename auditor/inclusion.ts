/** The proof that an entry stands in a published log, read from its hash tiles alone: a few files, however long the log is. */
import { CodedError } from '../enclave/protocol/errors.ts'
import { HASH_BYTES } from '../enclave/protocol/ids.ts'
import { inclusionProof } from '../enclave/protocol/log-tree.ts'
import { fullTiles, partialWidth, TILE_WIDTH, tilePath } from '../enclave/protocol/tlog.ts'
import type { LogSource } from './log-source.ts'
import { logNode } from './naive/trees.ts'

const LEVELS_PER_TILE = 8

/** Nobody has checked the hashes yet: the proof is judged against an anchored root. Refuses AUDIT_STORE without a tile. */
export async function readInclusion(source: LogSource, index: number, size: number): Promise<Uint8Array[]> {
  const wanted: { readonly level: number; readonly index: number }[] = []
  // Once to learn which nodes it takes, once with their hashes.
  inclusionProof(index, size, (level, at) => {
    wanted.push({ level, index: at })
    return new Uint8Array(HASH_BYTES)
  })
  const nodes = new Map<string, Uint8Array>()
  for (const { level, index: at } of wanted) nodes.set(`${level} ${at}`, await readNode(source, size, level, at))
  return inclusionProof(index, size, (level, at) => nodes.get(`${level} ${at}`) as Uint8Array)
}

/** Every eighth level is published; a node between them is hashed from those below it, all in one tile. */
async function readNode(source: LogSource, size: number, level: number, index: number): Promise<Uint8Array> {
  const above = level % LEVELS_PER_TILE
  const tileLevel = (level - above) / LEVELS_PER_TILE
  const first = index * 2 ** above
  const tile = Math.floor(first / TILE_WIDTH)
  const bytes = await readTile(source, size, tileLevel, tile)
  const from = first % TILE_WIDTH
  let row = Array.from({ length: 2 ** above }, (_, at) => hashAt(bytes, from + at))
  while (row.length > 1) row = pairsOf(row)
  return row[0] as Uint8Array
}

function pairsOf(row: readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: row.length / 2 }, (_, at) =>
    logNode(row[2 * at] as Uint8Array, row[2 * at + 1] as Uint8Array),
  )
}

/** A tile that was cut short gives short hashes, which no proof takes. */
function hashAt(bytes: Uint8Array, position: number): Uint8Array {
  return bytes.slice(position * HASH_BYTES, (position + 1) * HASH_BYTES)
}

async function readTile(source: LogSource, size: number, level: number, index: number): Promise<Uint8Array> {
  const width = index < fullTiles(size, level) ? TILE_WIDTH : partialWidth(size, level)
  // A partial tile may be gone once a wider one exists.
  for (const one of new Set([width, TILE_WIDTH])) {
    const bytes = await source.read(tilePath({ kind: 'hashes', level, index, width: one }))
    if (bytes !== undefined) return bytes
  }
  throw new CodedError('AUDIT_STORE', `expected hash tile ${index} of level ${level}, got none`)
}
