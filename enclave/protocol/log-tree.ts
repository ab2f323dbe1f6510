/** The audit log's history tree without state: hashes and proofs of RFC 9162 section 2.1, with SHA-256. */
import { assert, CodedError } from './errors.ts'
import { sha256 } from './hash.ts'
import { HASH_BYTES } from './ids.ts'
import { bytesEqual } from './words.ts'

/** The hash of the complete subtree of 2^level leaves that starts at leaf index × 2^level. */
export type NodeReader = (level: number, index: number) => Uint8Array

export type InclusionClaim = {
  readonly leafHash: Uint8Array
  readonly index: number
  readonly size: number
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

export type ConsistencyClaim = {
  readonly oldSize: number
  readonly oldRoot: Uint8Array
  readonly newSize: number
  readonly newRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** The root of a log without entries. Shared: never written to. */
export const EMPTY_LOG_ROOT: Uint8Array = sha256(new Uint8Array(0))

const LEAF_PREFIX = 0
const NODE_PREFIX = 1
/** Nearly every entry is shorter; others are laid out in an array of their own. */
const LEAF_BYTES_COMMON = 4_096

/** What is hashed is laid out here and read at once: an array for each call would cost as much as the hash. */
const nodeBytes = new Uint8Array(1 + 2 * HASH_BYTES).fill(NODE_PREFIX)
const leafBytes = new Uint8Array(LEAF_BYTES_COMMON).fill(LEAF_PREFIX)

/** SHA-256(0x00 ‖ entry): 32 bytes. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const size = 1 + entry.length
  const bytes = size <= leafBytes.length ? leafBytes.subarray(0, size) : new Uint8Array(size)
  bytes.set(entry, 1)
  return sha256(bytes)
}

/** SHA-256(0x01 ‖ left ‖ right): 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  assert(left.length === HASH_BYTES && right.length === HASH_BYTES, 'a node has two hashes of 32 bytes')
  nodeBytes.set(left, 1)
  nodeBytes.set(right, 1 + HASH_BYTES)
  return sha256(nodeBytes)
}

/** The root over all leaf hashes at once: 2n hashes and no state, for batches and for those who replay. */
export function rootOf(leafHashes: readonly Uint8Array[]): Uint8Array {
  if (leafHashes.length === 0) return EMPTY_LOG_ROOT
  let level: readonly Uint8Array[] = leafHashes
  // A last node without a sibling goes up as it is: that is the split at the largest power of two.
  while (level.length > 1) level = pairUp(level)
  return level[0] as Uint8Array
}

function pairUp(level: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = []
  for (let at = 0; at + 1 < level.length; at += 2)
    above.push(nodeHash(level[at] as Uint8Array, level[at + 1] as Uint8Array))
  if (level.length % 2 === 1) above.push(level[level.length - 1] as Uint8Array)
  return above
}

/**
 * Returning proves that `leafHash` stands at `index` in the log of `size` entries under `root`; it says nothing about
 * whether that root is anchored. Refuses PROOF_LENGTH and PROOF_INVALID. RFC 9162 section 2.1.3.2.
 */
export function verifyInclusion({ leafHash: leaf, index, size, root, proof }: InclusionClaim): void {
  if (!isSize(size) || !isSize(index) || index >= size) {
    throw new CodedError('PROOF_LENGTH', `expected an index below the size, got ${index} of ${size}`)
  }
  let length = 0
  let hash = leaf
  const hashes = checkedHashes([leaf, root], proof, inclusionLength(index, size))
  for (let at = index, last = size - 1; last > 0; at = half(at), last = half(last)) {
    if (at % 2 === 1) hash = nodeHash(hashes[length++] as Uint8Array, hash)
    else if (at < last) hash = nodeHash(hash, hashes[length++] as Uint8Array)
  }
  if (bytesEqual(hash, root)) return
  throw new CodedError('PROOF_INVALID', `expected entry ${index} of ${size} under the given root, got another root`)
}

/** How many hashes prove an entry: one for each level at which its node has a sibling. */
function inclusionLength(index: number, size: number): number {
  let length = 0
  for (let at = index, last = size - 1; last > 0; at = half(at), last = half(last)) {
    if (at % 2 === 1 || at < last) length++
  }
  return length
}

/**
 * Returning proves that the log of `newSize` begins with the whole log of `oldSize`. An empty old log goes with an empty
 * proof. Refuses PROOF_LENGTH and PROOF_INVALID. RFC 9162 section 2.1.4.2.
 */
export function verifyConsistency(claim: ConsistencyClaim): void {
  const { oldSize, oldRoot, newSize, newRoot, proof } = claim
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) {
    throw new CodedError('PROOF_INVALID', `expected a log that grows from ${oldSize}, got size ${newSize}`)
  }
  const hashes = checkedHashes([oldRoot, newRoot], proof, consistencyLength(oldSize, newSize))
  const roots = oldSize === 0 || oldSize === newSize ? sameRoots(claim) : foldConsistency(claim, hashes)
  if (bytesEqual(roots.oldRoot, oldRoot) && bytesEqual(roots.newRoot, newRoot)) return
  throw new CodedError('PROOF_INVALID', `expected sizes ${oldSize} and ${newSize} of one log, got other roots`)
}

type Roots = { oldRoot: Uint8Array; newRoot: Uint8Array }

/** Without hashes to fold, the old log is empty or is the new one. */
function sameRoots({ oldSize, newSize, newRoot }: ConsistencyClaim): Roots {
  const oldRoot = oldSize === newSize ? newRoot : EMPTY_LOG_ROOT
  return { oldRoot, newRoot: newSize === 0 ? EMPTY_LOG_ROOT : newRoot }
}

function foldConsistency(
  { oldSize, oldRoot: givenRoot, newSize }: ConsistencyClaim,
  hashes: readonly Uint8Array[],
): Roots {
  let at = oldSize - 1
  let last = newSize - 1
  for (; at % 2 === 1; at = half(at)) last = half(last)
  let taken = 0
  // The old root of a complete tree is itself the first node; the proof then leaves it out.
  const first = isPowerOfTwo(oldSize) ? givenRoot : (hashes[taken++] as Uint8Array)
  let [oldRoot, newRoot] = [first, first]
  for (; last > 0; at = half(at), last = half(last)) {
    if (at % 2 === 1) {
      const left = hashes[taken++] as Uint8Array
      oldRoot = nodeHash(left, oldRoot)
      newRoot = nodeHash(left, newRoot)
    } else if (at < last) newRoot = nodeHash(newRoot, hashes[taken++] as Uint8Array)
  }
  return { oldRoot, newRoot }
}

function consistencyLength(oldSize: number, newSize: number): number {
  if (oldSize === 0 || oldSize === newSize) return 0
  let at = oldSize - 1
  let last = newSize - 1
  for (; at % 2 === 1; at = half(at)) last = half(last)
  return inclusionLength(at, last + 1) + (isPowerOfTwo(oldSize) ? 0 : 1)
}

function checkedHashes(
  ends: readonly Uint8Array[],
  proof: readonly Uint8Array[],
  length: number,
): readonly Uint8Array[] {
  if (proof.length !== length) throw new CodedError('PROOF_LENGTH', `expected ${length} hashes, got ${proof.length}`)
  for (const hash of [...ends, ...proof]) {
    if (hash.length !== HASH_BYTES)
      throw new CodedError('PROOF_LENGTH', `expected hashes of 32 bytes, got ${hash.length}`)
  }
  return proof
}

/** The hashes that prove entry `index` in the log of `size`, from the leaf upwards. RFC 9162 section 2.1.3.1. */
export function inclusionProof(index: number, size: number, read: NodeReader): Uint8Array[] {
  assert(isSize(size) && isSize(index) && index < size, 'a proof is asked for an entry of the log')
  return inclusionPath(index, 0, size, read)
}

function inclusionPath(index: number, start: number, size: number, read: NodeReader): Uint8Array[] {
  if (size === 1) return []
  const left = splitOf(size)
  if (index < left) return [...inclusionPath(index, start, left, read), rangeRoot(start + left, size - left, read)]
  return [...inclusionPath(index - left, start + left, size - left, read), rangeRoot(start, left, read)]
}

/** The hashes that prove `oldSize` a prefix of `newSize`. RFC 9162 section 2.1.4.1. */
export function consistencyProof(oldSize: number, newSize: number, read: NodeReader): Uint8Array[] {
  assert(isSize(oldSize) && isSize(newSize) && oldSize <= newSize, 'a log only grows')
  return oldSize === 0 ? [] : consistencyPath(oldSize, 0, newSize, true, read)
}

/** `known`: the verifier has this very root already. */
function consistencyPath(oldSize: number, start: number, size: number, known: boolean, read: NodeReader): Uint8Array[] {
  if (oldSize === size) return known ? [] : [rangeRoot(start, size, read)]
  const left = splitOf(size)
  if (oldSize <= left) {
    return [...consistencyPath(oldSize, start, left, known, read), rangeRoot(start + left, size - left, read)]
  }
  return [...consistencyPath(oldSize - left, start + left, size - left, false, read), rangeRoot(start, left, read)]
}

/** The root over leaves start..start+size, where start is a multiple of every complete subtree inside. */
export function rangeRoot(start: number, size: number, read: NodeReader): Uint8Array {
  if (isPowerOfTwo(size)) return read(Math.log2(size), start / size)
  const left = splitOf(size)
  return nodeHash(rangeRoot(start, left, read), rangeRoot(start + left, size - left, read))
}

/** The largest power of two below `size`, for sizes from 2. */
function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}

function isPowerOfTwo(size: number): boolean {
  return size > 0 && (size === 1 || splitOf(size) * 2 === size)
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** Sizes go beyond 32 bits, where shifts do not. */
function half(value: number): number {
  return Math.floor(value / 2)
}
