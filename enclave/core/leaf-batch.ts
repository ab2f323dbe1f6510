/** The leaves of many accounts at once, laid out side by side and hashed together. */
import { type BalanceLeaf, LEAF_BYTES, LEAF_ID_AT, LEAF_TYPE, putLeafWords } from '../protocol/balance-tree.ts'
import { assert } from '../protocol/errors.ts'
import { type HashRows, newHashRows } from '../protocol/hash.ts'
import { HASH_BYTES, ORCHESTRATOR_ID_BYTES_MAX } from '../protocol/ids.ts'
import { utf8 } from '../protocol/words.ts'

export type LeafBatch = {
  count: number
  readonly ids: HashRows
  readonly words: HashRows
  readonly wordsView: DataView
  /** Hashes of the words, which are hashed again. */
  readonly inner: HashRows
}

export function newLeafBatch(leavesMax: number): LeafBatch {
  const words = newHashRows(leavesMax, LEAF_BYTES)
  for (let row = 0; row < leavesMax; row++) words.bytes.set(LEAF_TYPE, row * words.widthBytes)
  return {
    count: 0,
    ids: newHashRows(leavesMax, ORCHESTRATOR_ID_BYTES_MAX),
    words,
    wordsView: new DataView(words.bytes.buffer, words.bytes.byteOffset, words.bytes.length),
    inner: newHashRows(leavesMax, HASH_BYTES),
  }
}

export function addLeaf(batch: LeafBatch, leaf: BalanceLeaf): void {
  const { words, wordsView } = batch
  putId(batch.ids, batch.count, leaf.orchestratorId)
  putLeafWords(words.bytes, wordsView, batch.count * words.widthBytes, leaf)
  batch.count++
}

/** Ids are mostly ASCII: the first other character takes the way round. */
function putId(ids: HashRows, row: number, id: string): void {
  const to = row * ids.widthBytes
  let size = id.length
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at)
    if (code > 0x7f) {
      size = putUnicode(ids.bytes, to, id)
      break
    }
    ids.bytes[to + at] = code
  }
  ids.setSize(row, size)
}

function putUnicode(bytes: Uint8Array, to: number, id: string): number {
  const encoded = utf8(id)
  assert(encoded.length <= ORCHESTRATOR_ID_BYTES_MAX, 'an id fits its row')
  bytes.set(encoded, to)
  return encoded.length
}

/** The hashes of the leaves, in the order they were added. The batch is empty afterwards. */
export function takeLeaves(batch: LeafBatch): Uint8Array {
  const { count, ids, words, inner } = batch
  const leaves = new Uint8Array(count * HASH_BYTES)
  if (count === 0) return leaves
  ids.hashInto(count, words.bytes.subarray(LEAF_ID_AT), words.widthBytes)
  words.hashInto(count, inner.bytes, inner.widthBytes)
  inner.hashInto(count, leaves, HASH_BYTES)
  batch.count = 0
  return leaves
}
