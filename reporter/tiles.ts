/** Hash tiles of the public log, from a folder or a web address: as many as one inclusion proof needs (C2SP tlog-tiles). */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../enclave/protocol/errors.ts'
import { HASH_BYTES } from '../enclave/protocol/ids.ts'
import { inclusionProof, type NodeReader, nodeHash } from '../enclave/protocol/log-tree.ts'
import { decodeHashTile, fullTiles, partialWidth, TILE_WIDTH, tilePath } from '../enclave/protocol/tlog.ts'
import { concatBytes } from '../enclave/protocol/words.ts'

export type TileReader = {
  /** Every node that the proof of `index` in a log of `size` asks for. Refuses AUDIT_STORE, TILE_SYNTAX. */
  nodesFor(index: number, size: number): Promise<NodeReader>
}

const TILE_HEIGHT = 8
const FETCH_TIMEOUT_MS = 10_000
const TILE_BYTES_MAX = TILE_WIDTH * HASH_BYTES

/** `place` is a folder that holds `tile/`, or an address below which it is served. */
export function openTiles(place: string): TileReader {
  const read = /^https?:\/\//.test(place)
    ? (path: string) => fetched(place, path)
    : (path: string) => inFolder(place, path)
  return {
    nodesFor: async (index, size) => {
      const tiles = new Map<string, readonly Uint8Array[]>()
      for (const { level, tile } of tilesOf(index, size))
        tiles.set(`${level}/${tile}`, await load(read, level, tile, size))
      return (level, at) => nodeOf(tiles, level, at)
    },
  }
}

type Place = { readonly level: number; readonly tile: number }

/** The proof is walked once with a reader that only remembers what it was asked. */
function tilesOf(index: number, size: number): Place[] {
  const places = new Map<string, Place>()
  const dummy = new Uint8Array(HASH_BYTES)
  inclusionProof(index, size, (level, at) => {
    const place = placeOf(level, at)
    places.set(`${place.level}/${place.tile}`, place)
    return dummy
  })
  return [...places.values()]
}

function placeOf(level: number, at: number): Place & { readonly first: number; readonly width: number } {
  const width = 2 ** (level % TILE_HEIGHT)
  const first = at * width
  return {
    level: Math.floor(level / TILE_HEIGHT),
    tile: Math.floor(first / TILE_WIDTH),
    first: first % TILE_WIDTH,
    width,
  }
}

type Read = (path: string) => Promise<Uint8Array | undefined>

/** A partial tile may have become full since: its beginning is the same. */
async function load(read: Read, level: number, index: number, size: number): Promise<readonly Uint8Array[]> {
  const isFull = index < fullTiles(size, level)
  const width = isFull ? TILE_WIDTH : partialWidth(size, level)
  const exact = await read(tilePath({ kind: 'hashes', level, index, width }))
  if (exact !== undefined) return decodeHashTile(exact, width)
  const whole = isFull ? undefined : await read(tilePath({ kind: 'hashes', level, index, width: TILE_WIDTH }))
  if (whole === undefined)
    throw new CodedError('AUDIT_STORE', `expected hash tile ${level}/${index} of ${width}, it is missing`)
  return decodeHashTile(whole, TILE_WIDTH).slice(0, width)
}

function nodeOf(tiles: ReadonlyMap<string, readonly Uint8Array[]>, level: number, at: number): Uint8Array {
  const place = placeOf(level, at)
  let nodes = tiles.get(`${place.level}/${place.tile}`)?.slice(place.first, place.first + place.width) ?? []
  if (nodes.length !== place.width)
    throw new CodedError('AUDIT_STORE', `expected hash tile ${place.level}/${place.tile}, it is too short`)
  while (nodes.length > 1)
    nodes = Array.from({ length: nodes.length / 2 }, (_, pair) =>
      nodeHash(nodes[2 * pair] as Uint8Array, nodes[2 * pair + 1] as Uint8Array),
    )
  return nodes[0] as Uint8Array
}

async function inFolder(folder: string, path: string): Promise<Uint8Array | undefined> {
  return readFile(join(folder, path)).then(
    (bytes) => new Uint8Array(bytes),
    () => undefined,
  )
}

async function fetched(base: string, path: string): Promise<Uint8Array | undefined> {
  const url = new URL(path, base.endsWith('/') ? base : `${base}/`)
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
  if (response.ok) return atMost(TILE_BYTES_MAX, response)
  await response.body?.cancel()
  return undefined
}

/** A server may send without end: what arrives is counted, never what it announces. */
async function atMost(bytesMax: number, { body }: Response): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > bytesMax) return undefined
    chunks.push(chunk)
  }
  return concatBytes(...chunks)
}
