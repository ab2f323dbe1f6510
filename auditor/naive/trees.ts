/** The two trees, recomputed from their definitions: every level is kept whole (protocol section 3, RFC 9162 section 2.1). */
import { emptyRoot, nodeHash } from '../../enclave/protocol/balance-tree.ts'
import { sha256 } from '../../enclave/protocol/hash.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'

const LEAF_PREFIX = Uint8Array.of(0)
const NODE_PREFIX = Uint8Array.of(1)

/** levels[k][n] is the hash over entries n·2^k .. (n+1)·2^k − 1. */
export type LogTree = { readonly levels: Uint8Array[][] }

export function newLogTree(): LogTree {
  return { levels: [[]] }
}

export function entryHash(entry: Uint8Array): Uint8Array {
  return sha256(concatBytes(LEAF_PREFIX, entry))
}

export function logNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(NODE_PREFIX, left, right))
}

export function appendHash(tree: LogTree, leaf: Uint8Array): void {
  let hash = leaf
  for (let level = 0; ; level++) {
    const row = tree.levels[level] ?? []
    tree.levels[level] = row
    row.push(hash)
    if (row.length % 2 === 1) return
    hash = logNode(row[row.length - 2] as Uint8Array, hash)
  }
}

/** The root over the first `size` entries, of which the tree holds at least so many. */
export function logRootAt(tree: LogTree, size: number): Uint8Array {
  let root: Uint8Array | undefined
  for (let level = 0, width = size; width > 0; level++, width = Math.floor(width / 2)) {
    if (width % 2 === 0) continue
    const peak = tree.levels[level]?.[width - 1] as Uint8Array
    root = root === undefined ? peak : logNode(peak, root)
  }
  return root ?? sha256(new Uint8Array(0))
}

/** The rows of the last computation: an unchanged pair of children keeps its parent. */
export type BalanceTree = { rows: (readonly Uint8Array[])[] }

export function newBalanceTree(): BalanceTree {
  return { rows: [] }
}

/** The root over `leaves`, padded with empty leaves to 2^depth. A changed leaf has to be another array. */
export function balanceRootOf(tree: BalanceTree, leaves: readonly Uint8Array[], depth: number): Uint8Array {
  const rows: (readonly Uint8Array[])[] = [leaves.slice()]
  for (let level = 0; level < depth; level++)
    rows.push(parents(rows[level] ?? [], tree.rows[level], tree.rows[level + 1], level))
  tree.rows = rows
  return rows[depth]?.[0] ?? emptyRoot(depth)
}

function parents(
  row: readonly Uint8Array[],
  rowBefore: readonly Uint8Array[] | undefined,
  parentsBefore: readonly Uint8Array[] | undefined,
  level: number,
): Uint8Array[] {
  const result: Uint8Array[] = []
  for (let at = 0; at < row.length; at += 2) {
    const same = rowBefore !== undefined && row[at] === rowBefore[at] && row[at + 1] === rowBefore[at + 1]
    const known = same ? parentsBefore?.[at / 2] : undefined
    result.push(known ?? nodeHash(row[at] as Uint8Array, row[at + 1] ?? emptyRoot(level)))
  }
  return result
}
