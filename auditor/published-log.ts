/** The log as it is published: entries out of bundles, every hash tile recomputed from them, the checkpoint beside the chain. */
import { createPublicKey, verify } from 'node:crypto'
import { isCoded } from '../enclave/protocol/errors.ts'
import type { Hash } from '../enclave/protocol/ids.ts'
import { fromHex, HASH_BYTES, toHash } from '../enclave/protocol/ids.ts'
import type { Checkpoint, Note } from '../enclave/protocol/note.ts'
import { logOrigin, parseCheckpoint, parseNote, verifierKeyOf, verifyNote } from '../enclave/protocol/note.ts'
import type { TileName } from '../enclave/protocol/tlog.ts'
import {
  decodeEntryBundle,
  fullTiles,
  parseTilePath,
  partialWidth,
  TILE_WIDTH,
  tilePath,
} from '../enclave/protocol/tlog.ts'
import { bytesEqual, concatBytes } from '../enclave/protocol/words.ts'
import type { Committed } from './chain-facts.ts'
import type { LogSource } from './log-source.ts'
import type { Findings } from './naive/finding.ts'
import { flag } from './naive/finding.ts'
import type { Ledger } from './naive/ledger.ts'
import type { LogTree } from './naive/trees.ts'
import { entryHash, logRootAt } from './naive/trees.ts'

export const CHECKPOINT_PATH = 'checkpoint'
const HASH_LEVELS_PER_TILE = 8

type HashTile = Extract<TileName, { kind: 'hashes' }>

export type SignedCheckpoint = { readonly note: Note; readonly checkpoint: Checkpoint }

/** The checkpoint as it reads; nothing is verified yet, since its key stands in the log. */
export async function readCheckpoint(source: LogSource, findings: Findings): Promise<SignedCheckpoint | undefined> {
  const where = { entry: null, subject: CHECKPOINT_PATH }
  const bytes = await source.read(CHECKPOINT_PATH)
  if (bytes === undefined) {
    flag(findings, 'LOG_FILE_MISSING', where, 'a checkpoint', 'none')
    return undefined
  }
  try {
    const note = parseNote(bytes)
    return { note, checkpoint: parseCheckpoint(note.text) }
  } catch (error) {
    flag(findings, 'CHECKPOINT_SYNTAX', where, 'a signed checkpoint', (error as Error).message)
    return undefined
  }
}

/**
 * A checkpoint counts only beside a commit of equal size and root: the log key may have been lied to [F17]. Its key is the
 * one in force at its size, null where that is not known.
 */
export function judgeCheckpoint(
  signed: SignedCheckpoint,
  ledger: Ledger,
  logKey: Hash | null,
  commits: readonly Committed[],
  findings: Findings,
): void {
  const { note, checkpoint } = signed
  const where = { entry: null, subject: CHECKPOINT_PATH }
  const { chainId, anchor } = ledger.genesis
  const origin = logOrigin(chainId, anchor)
  if (checkpoint.origin !== origin) flag(findings, 'CHECKPOINT_SYNTAX', where, origin, checkpoint.origin)
  if (logKey !== null) judgeNote(note, origin, logKey, findings)
  const root = toHash(checkpoint.root)
  const anchored = commits.some(({ logSize, logRoot }) => logSize === checkpoint.size && logRoot === root)
  if (!anchored)
    flag(findings, 'CHECKPOINT_UNANCHORED', where, 'a commit of this size and root', `${checkpoint.size} ${root}`)
}

function judgeNote(note: Note, origin: string, logKey: Hash, findings: Findings): void {
  const where = { entry: null, subject: CHECKPOINT_PATH }
  try {
    verifyNote(note, [verifierKeyOf(origin, fromHex(logKey))], isEd25519)
  } catch (error) {
    if (!isCoded(error)) throw error
    flag(findings, 'CHECKPOINT_SIGNATURE', where, `the log key ${logKey}`, error.message)
  }
}

/** RFC 8410: what stands before the 32 bytes of an Ed25519 public key. */
const SPKI_PREFIX = fromHex('0x302a300506032b6570032100')

function isEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(concatBytes(SPKI_PREFIX, publicKey)), format: 'der', type: 'spki' })
  return verify(null, message, key, signature)
}

/**
 * The first `size` entries, in order; fewer, with a finding that names the file, where a bundle is missing or broken.
 * `sizePublished` says how wide the last bundle may be.
 */
export async function* readEntries(
  source: LogSource,
  size: number,
  sizePublished: number,
  findings: Findings,
): AsyncGenerator<Uint8Array> {
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH)
    const widest = Math.min(TILE_WIDTH, Math.max(sizePublished - index * TILE_WIDTH, width))
    const entries = await readBundle(source, index, [...new Set([width, widest, TILE_WIDTH])], findings)
    if (entries === undefined) return
    yield* entries.slice(0, width)
  }
}

/** A partial bundle may be gone once a wider one exists. */
async function readBundle(
  source: LogSource,
  index: number,
  widths: readonly number[],
  findings: Findings,
): Promise<Uint8Array[] | undefined> {
  for (const width of widths) {
    const subject = tilePath({ kind: 'entries', index, width })
    const bytes = await source.read(subject)
    if (bytes === undefined) continue
    try {
      return decodeEntryBundle(bytes, width)
    } catch (error) {
      flag(findings, 'LOG_BUNDLE', { entry: index * TILE_WIDTH, subject }, `${width} entries`, (error as Error).message)
      return undefined
    }
  }
  const subject = tilePath({ kind: 'entries', index, width: widths[0] as number })
  flag(findings, 'LOG_FILE_MISSING', { entry: index * TILE_WIDTH, subject }, 'a bundle', 'none')
  return undefined
}

/** What a tile must begin with, as far as the tree goes. */
function expectedTile(tree: LogTree, name: HashTile): Uint8Array {
  const row = tree.levels[name.level * HASH_LEVELS_PER_TILE] ?? []
  const first = name.index * TILE_WIDTH
  return concatBytes(...row.slice(first, first + name.width))
}

/**
 * Compares every hash tile of a log of `size` with the entries that were replayed, and, where files can be listed, every
 * other tile too.
 * `anchoredRoot` decides who lies when a tile and its entries differ: the one that does not lead to the root on chain.
 */
export async function judgeTiles(
  source: LogSource,
  tree: LogTree,
  size: number,
  anchoredRoot: Hash | undefined,
  findings: Findings,
): Promise<void> {
  const entriesTrue = anchoredRoot === undefined || toHash(logRootAt(tree, sizeOf(tree))) === anchoredRoot
  const seen = new Set<string>()
  for (const name of tilesOf(size)) {
    seen.add(tilePath(name))
    await judgeTile(source, tree, name, entriesTrue, findings)
  }
  for (const path of await source.list()) {
    const name = seen.has(path) ? undefined : parseTilePath(path)
    if (name?.kind === 'hashes') await judgeTile(source, tree, name, entriesTrue, findings)
    if (name?.kind === 'entries') await judgeOtherBundle(source, tree, name, findings)
  }
}

function sizeOf(tree: LogTree): number {
  return tree.levels[0]?.length ?? 0
}

function tilesOf(size: number): HashTile[] {
  const names: HashTile[] = []
  for (let level = 0; size >= TILE_WIDTH ** level; level++) {
    const full = fullTiles(size, level)
    for (let index = 0; index < full; index++) names.push({ kind: 'hashes', level, index, width: TILE_WIDTH })
    const width = partialWidth(size, level)
    if (width > 0) names.push({ kind: 'hashes', level, index: full, width })
  }
  return names
}

async function judgeTile(
  source: LogSource,
  tree: LogTree,
  name: HashTile,
  entriesTrue: boolean,
  findings: Findings,
): Promise<void> {
  const expected = expectedTile(tree, name)
  if (expected.length === 0) return
  const path = tilePath(name)
  const entry = name.index * TILE_WIDTH ** (name.level + 1)
  const bytes =
    (await source.read(path)) ??
    (await source.read(tilePath({ ...name, width: TILE_WIDTH })))?.slice(0, name.width * HASH_BYTES)
  if (bytes === undefined) return flag(findings, 'LOG_FILE_MISSING', { entry, subject: path }, 'a hash tile', 'none')
  const got = bytes.slice(0, expected.length)
  if (bytesEqual(expected, got) && bytes.length === name.width * HASH_BYTES) return
  const at = expected.findIndex((byte, index) => byte !== got[index])
  const place = at < 0 ? `${bytes.length} bytes` : `another hash ${Math.floor(at / HASH_BYTES)}`
  const bundle = tilePath({ kind: 'entries', index: name.index, width: name.width })
  if (!entriesTrue && name.level === 0) {
    flag(
      findings,
      'LOG_BUNDLE',
      { entry: entry + Math.floor(Math.max(at, 0) / HASH_BYTES), subject: bundle },
      `what ${path} and the chain hash`,
      place,
    )
  } else
    flag(
      findings,
      'LOG_TILE',
      { entry, subject: path },
      `the hashes of ${expected.length / HASH_BYTES} entries below`,
      place,
    )
}

/** A bundle of another width than the one that was replayed: the same entries, or a lie to whoever reads that one. */
async function judgeOtherBundle(
  source: LogSource,
  tree: LogTree,
  name: Extract<TileName, { kind: 'entries' }>,
  findings: Findings,
): Promise<void> {
  const hashes = tree.levels[0] ?? []
  const first = name.index * TILE_WIDTH
  if (hashes.length < first + name.width) return
  const path = tilePath(name)
  const bytes = await source.read(path)
  if (bytes === undefined) return
  const same = sameEntries(bytes, name.width, hashes.slice(first, first + name.width))
  if (!same) flag(findings, 'LOG_BUNDLE', { entry: first, subject: path }, 'the entries that were replayed', 'others')
}

function sameEntries(bytes: Uint8Array, width: number, hashes: readonly Uint8Array[]): boolean {
  try {
    return decodeEntryBundle(bytes, width).every((entry, at) => bytesEqual(entryHash(entry), hashes[at] as Uint8Array))
  } catch (error) {
    if (!isCoded(error)) throw error
    return false
  }
}
