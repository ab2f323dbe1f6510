/**
 * The balance tree with state: every level in one growing block of bytes, everything past the last account implicit.
 * Leaves are set as often as needed; paths are folded once per commit, and a path that two leaves share is hashed once.
 */
import { DEPTH_MAX, emptyRoot, isGreater, nodeHash } from '../protocol/balance-tree.ts'
import { assert } from '../protocol/errors.ts'
import { type HashRows, keccak256, newHashRows } from '../protocol/hash.ts'
import { HASH_BYTES } from '../protocol/ids.ts'

export type Forest = {
  depth: number
  /** Positions up to the highest one that was set. */
  leaves: number
  /** levels[l] holds nodes of height l from the left; what a block has beyond the last node are empty subtrees. */
  readonly levels: Uint8Array[]
  /** Positions whose paths are not folded yet. */
  readonly dirty: Set<number>
}

const NODES_MIN = 64
const PAIR_BYTES = 2 * HASH_BYTES
/** Nodes that a sweep hashes together: what they are hashed from stays in the processor's caches. */
const SWEPT_TOGETHER = 1_024

/** A tree of `depth` without accounts. */
export function newForest(depth: number): Forest {
  assert(depth >= 0 && depth <= DEPTH_MAX, 'a depth is 0..DEPTH_MAX')
  const levels = Array.from({ length: depth + 1 }, () => new Uint8Array(0))
  const forest: Forest = { depth, leaves: 0, levels, dirty: new Set() }
  reserve(forest, depth, 1)
  return forest
}

/** Puts `leaf` (32 bytes) at `index` and marks its path; constant time. Grows the tree when `index` lies beyond it. */
export function setLeaf(forest: Forest, index: number, leaf: Uint8Array): void {
  assert(leaf.length === HASH_BYTES, 'a leaf has 32 bytes')
  putLeaves(forest, index, leaf)
  forest.dirty.add(index)
}

/** Puts leaves that lie side by side after the last one. The tree is unfolded until `sweepForest`. */
export function appendLeaves(forest: Forest, leaves: Uint8Array): void {
  assert(leaves.length % HASH_BYTES === 0, 'a leaf has 32 bytes')
  if (leaves.length > 0) putLeaves(forest, forest.leaves, leaves)
}

function putLeaves(forest: Forest, index: number, leaves: Uint8Array): void {
  const end = index + leaves.length / HASH_BYTES
  assert(Number.isInteger(index) && index >= 0 && end <= 2 ** DEPTH_MAX, 'an index is below 2^DEPTH_MAX')
  while (end > 2 ** forest.depth) growForest(forest)
  forest.leaves = Math.max(forest.leaves, end)
  reserve(forest, 0, forest.leaves).set(leaves, index * HASH_BYTES)
}

/** One level more: the old root becomes the left child, an empty tree of the old depth the right one. */
export function growForest(forest: Forest): void {
  assert(forest.depth < DEPTH_MAX, 'a tree has at most DEPTH_MAX levels')
  const left = block(forest, forest.depth).subarray(0, HASH_BYTES)
  forest.levels.push(new Uint8Array(0))
  forest.depth++
  reserve(forest, forest.depth, 1).set(nodeHash(left, emptyRoot(forest.depth - 1)))
}

/** The root, after folding what changed since the last fold. A fresh array. */
export function foldRoot(forest: Forest): Uint8Array {
  let touched = Uint32Array.from(forest.dirty).sort()
  forest.dirty.clear()
  for (let level = 0; level < forest.depth && touched.length > 0; level++) {
    touched = parentsOf(touched)
    reserve(forest, level, 2 * ((touched.at(-1) as number) + 1))
    reserve(forest, level + 1, (touched.at(-1) as number) + 1)
    for (const parent of touched) foldNode(forest, level, parent)
  }
  return block(forest, forest.depth).slice(0, HASH_BYTES)
}

/** The parents of sorted positions, each once. */
function parentsOf(sorted: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  let count = 0
  for (const position of sorted) {
    const parent = position >>> 1
    if (count === 0 || sorted[count - 1] !== parent) sorted[count++] = parent
  }
  return sorted.subarray(0, count)
}

/** Hashes the two children at `level` into node `parent` above. Children lie side by side: mostly nothing is copied. */
function foldNode(forest: Forest, level: number, parent: number): void {
  const start = parent * PAIR_BYTES
  const pair = block(forest, level).subarray(start, start + PAIR_BYTES)
  const left = pair.subarray(0, HASH_BYTES)
  const right = pair.subarray(HASH_BYTES)
  const node = isGreater(left, right) ? nodeHash(left, right) : keccak256(pair)
  block(forest, level + 1).set(node, parent * HASH_BYTES)
}

/** The siblings of `index` from the leaf upwards, as copies. The tree must be folded. */
export function proofOf(forest: Forest, index: number): Uint8Array[] {
  assert(forest.dirty.size === 0, 'proofs are taken from a folded tree')
  assert(index >= 0 && index < 2 ** forest.depth, 'an index lies in the tree')
  const proof: Uint8Array[] = []
  let position = index
  for (let level = 0; level < forest.depth; level++) {
    proof.push(nodeAt(forest, level, position % 2 === 0 ? position + 1 : position - 1))
    position = Math.floor(position / 2)
  }
  return proof
}

function nodeAt(forest: Forest, level: number, position: number): Uint8Array {
  const start = position * HASH_BYTES
  const nodes = block(forest, level)
  return start < nodes.length ? nodes.slice(start, start + HASH_BYTES) : emptyRoot(level).slice()
}

/** Folds every node above the leaves, each once, whatever was folded before. */
export function sweepForest(forest: Forest): void {
  forest.dirty.clear()
  let nodes = forest.leaves
  const pairs = newHashRows(Math.min(SWEPT_TOGETHER, nodes), PAIR_BYTES)
  for (let level = 0; level < forest.depth && nodes > 0; level++) {
    nodes = Math.ceil(nodes / 2)
    reserve(forest, level, 2 * nodes)
    reserve(forest, level + 1, nodes)
    for (let from = 0; from < nodes; from += SWEPT_TOGETHER) {
      sweepNodes(forest, level, from, Math.min(SWEPT_TOGETHER, nodes - from), pairs)
    }
  }
}

/** Hashes the children at `level` into `count` nodes above, from node `from` on. */
function sweepNodes(forest: Forest, level: number, from: number, count: number, pairs: HashRows): void {
  const children = block(forest, level)
  for (let row = 0; row < count; row++) putPair(pairs, row, children, (from + row) * PAIR_BYTES)
  pairs.hashInto(count, block(forest, level + 1).subarray(from * HASH_BYTES), HASH_BYTES)
}

/** Two children that lie side by side, the smaller one first. Byte by byte: a view of each would cost as much as the hash. */
function putPair({ bytes, widthBytes }: HashRows, row: number, children: Uint8Array, left: number): void {
  const flip = isSecondSmaller(children, left) ? HASH_BYTES : 0
  const to = row * widthBytes
  for (let at = 0; at < PAIR_BYTES; at++) bytes[to + at] = children[left + (at ^ flip)] as number
}

function isSecondSmaller(bytes: Uint8Array, first: number): boolean {
  for (let at = first; at < first + HASH_BYTES; at++) {
    const difference = (bytes[at] as number) - (bytes[at + HASH_BYTES] as number)
    if (difference !== 0) return difference > 0
  }
  return false
}

function block(forest: Forest, level: number): Uint8Array {
  const nodes = forest.levels[level]
  assert(nodes !== undefined, 'a level lies in the tree')
  return nodes
}

/** The block of a level with room for `nodes` nodes; new room holds empty subtrees. */
function reserve(forest: Forest, level: number, nodes: number): Uint8Array {
  const old = block(forest, level)
  if (nodes * HASH_BYTES <= old.length) return old
  const levelNodes = 2 ** (forest.depth - level)
  const room = Math.min(Math.max(nodes, NODES_MIN, (2 * old.length) / HASH_BYTES), Math.max(nodes, levelNodes))
  const grown = new Uint8Array(room * HASH_BYTES)
  grown.set(old)
  fillEmpty(grown, old.length, emptyRoot(level))
  forest.levels[level] = grown
  return grown
}

/** Repeats `empty` from `start` to the end, doubling what is there. */
function fillEmpty(bytes: Uint8Array, start: number, empty: Uint8Array): void {
  bytes.set(empty, start)
  for (let end = start + HASH_BYTES; end < bytes.length; end += end - start) bytes.copyWithin(end, start, end)
}
