/** The audit log's tree as the ledger keeps it: the roots of its complete subtrees, at most one a level. */
import { assert, CodedError } from '../protocol/errors.ts'
import { HASH_BYTES } from '../protocol/ids.ts'
import { EMPTY_LOG_ROOT, nodeHash } from '../protocol/log-tree.ts'

/** peaks, largest subtree first: one for each bit that is set in size. */
export type Frontier = { size: number; readonly peaks: Uint8Array[] }

export function newFrontier(): Frontier {
  return { size: 0, peaks: [] }
}

/** Appends a leaf hash (32 bytes): equal subtrees merge, on average once. */
export function appendLeaf(frontier: Frontier, leafHash: Uint8Array): void {
  assert(leafHash.length === HASH_BYTES, 'a leaf hash has 32 bytes')
  assert(frontier.size < Number.MAX_SAFE_INTEGER, 'a log size is a safe integer')
  let hash = leafHash
  for (let size = frontier.size; size % 2 === 1; size = Math.floor(size / 2)) {
    hash = nodeHash(frontier.peaks.pop() as Uint8Array, hash)
  }
  frontier.peaks.push(hash)
  frontier.size++
}

/** The root of the whole log. A fresh array. */
export function rootOf(frontier: Frontier): Uint8Array {
  const { peaks } = frontier
  if (peaks.length === 0) return EMPTY_LOG_ROOT.slice()
  let root = peaks[peaks.length - 1] as Uint8Array
  for (let at = peaks.length - 2; at >= 0; at--) root = nodeHash(peaks[at] as Uint8Array, root)
  return root.slice()
}

/** The frontier that a snapshot holds. Refuses STATE_MISMATCH when the hashes are not one for each bit of `size`. */
export function frontierOf(size: number, peaks: readonly Uint8Array[]): Frontier {
  const bits = Number.isSafeInteger(size) && size >= 0 ? bitsOf(size) : -1
  if (peaks.length !== bits || peaks.some((peak) => peak.length !== HASH_BYTES)) {
    throw new CodedError(
      'STATE_MISMATCH',
      `expected ${bits} hashes of 32 bytes for a log of ${size}, got ${peaks.length}`,
    )
  }
  return { size, peaks: [...peaks] }
}

function bitsOf(size: number): number {
  let bits = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2
  return bits
}
