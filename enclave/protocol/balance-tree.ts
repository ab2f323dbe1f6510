/**
 * The balance tree without state: leaves, nodes, proofs (protocol section 3). A node hashes its children in ascending
 * order, so that OpenZeppelin's MerkleProof verifies on chain; the position is bound by the index inside the leaf.
 */
import { assert, CodedError } from './errors.ts'
import { keccak256 } from './hash.ts'
import type { Address } from './ids.ts'
import { ADDRESS_BYTES, fromHex, HASH_BYTES, ORCHESTRATOR_ID_BYTES_MAX } from './ids.ts'
import type { Wei } from './money.ts'
import { bytesEqual, utf8, WORD_BYTES } from './words.ts'

/**
 * The account as its leaf binds it, under the names of the leaf's ABI fields; amounts are wei. lastSeq is the sequence of
 * the header that first contains the change.
 */
export type BalanceLeaf = {
  readonly index: number
  readonly orchestratorId: string
  readonly recipient: Address
  readonly credited: Wei
  readonly paid: Wei
  readonly reserved: Wei
  readonly lastSeq: number
}

export type BalanceProof = {
  /** The leaf's hash, which the verifier computes from the fields: only they bind the index. */
  readonly leaf: Uint8Array
  readonly index: number
  /** The siblings from the leaf upwards, one a level. */
  readonly proof: readonly Uint8Array[]
  readonly root: Uint8Array
  readonly depth: number
}

export const DEPTH_GENESIS = 17
export const DEPTH_MAX = 32

/** Stands at every position that no account has taken. Shared: never written to. */
export const EMPTY_LEAF: Uint8Array = keccak256(utf8('anchorhold/empty/v1'))

/** The first word of every leaf. Shared: never written to. */
export const LEAF_TYPE: Uint8Array = keccak256(utf8('anchorhold/balance/v1'))
/** What a leaf hashes first: eight ABI words. */
export const LEAF_BYTES: number = 8 * WORD_BYTES
const U64_LIMIT = 2n ** 64n

/** What is hashed is laid out here and read at once: an array for each call would cost as much as the hash. */
const pair = new Uint8Array(2 * HASH_BYTES)
const words = new Uint8Array(LEAF_BYTES)
const view = new DataView(words.buffer)
words.set(LEAF_TYPE)
const UTF8_BYTES_PER_UNIT_MAX = 3
const idBytes = new Uint8Array(UTF8_BYTES_PER_UNIT_MAX * ORCHESTRATOR_ID_BYTES_MAX)
const encoder = new TextEncoder()

/** The root of a tree of `depth` that holds no account. Shared: never written to. */
export function emptyRoot(depth: number): Uint8Array {
  const root = EMPTY_ROOTS[depth]
  assert(root !== undefined, 'a depth is 0..DEPTH_MAX')
  return root
}

/** keccak256 of both children, the smaller one first: nodeHash(a, b) equals nodeHash(b, a). 32 bytes each. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  assert(left.length === HASH_BYTES && right.length === HASH_BYTES, 'a node has two hashes of 32 bytes')
  const swapped = isGreater(left, right)
  pair.set(swapped ? right : left)
  pair.set(swapped ? left : right, HASH_BYTES)
  return keccak256(pair)
}

/** True when the 32 bytes of `left` are a larger number than those of `right`. */
export function isGreater(left: Uint8Array, right: Uint8Array): boolean {
  for (let at = 0; at < HASH_BYTES; at++) {
    const difference = (left[at] as number) - (right[at] as number)
    if (difference !== 0) return difference > 0
  }
  return false
}

const EMPTY_ROOTS: readonly Uint8Array[] = emptyRoots()

function emptyRoots(): Uint8Array[] {
  const roots = [EMPTY_LEAF]
  for (let depth = 1; depth <= DEPTH_MAX; depth++) {
    const child = roots[depth - 1] as Uint8Array
    roots.push(nodeHash(child, child))
  }
  return roots
}

/** keccak256 of the id's UTF-8, as the leaf holds it: callers that hash an account often keep it. */
export function orchestratorIdHash(orchestratorId: string): Uint8Array {
  if (orchestratorId.length * UTF8_BYTES_PER_UNIT_MAX > idBytes.length) return keccak256(utf8(orchestratorId))
  const { written } = encoder.encodeInto(orchestratorId, idBytes)
  return keccak256(idBytes.subarray(0, written))
}

/**
 * The leaf of an account: eight ABI words, hashed twice, so that no inner node (two words) can pose as a leaf.
 * `idHash` saves hashing an id that the caller has hashed before.
 */
export function leafHash(leaf: BalanceLeaf, idHash: Uint8Array = orchestratorIdHash(leaf.orchestratorId)): Uint8Array {
  assert(idHash.length === HASH_BYTES, 'the hash of an id has 32 bytes')
  putLeafWords(words, view, 0, leaf)
  words.set(idHash, LEAF_ID_AT)
  return keccak256(keccak256(words))
}

/** Where the hash of the id lies in the words of a leaf. */
export const LEAF_ID_AT: number = 2 * WORD_BYTES

/** Lays out the words of a leaf from `at` on, all but LEAF_TYPE and the hash of the id. `view` sees what `into` holds. */
export function putLeafWords(into: Uint8Array, view: DataView, at: number, leaf: BalanceLeaf): void {
  const recipient = fromHex(leaf.recipient)
  assert(recipient.length === ADDRESS_BYTES, 'a recipient has 20 bytes')
  view.setUint32(at + wordEnd(1) - 4, leaf.index)
  into.set(recipient, at + wordEnd(3) - ADDRESS_BYTES)
  putU128(view, at + wordEnd(4), leaf.credited)
  putU128(view, at + wordEnd(5), leaf.paid)
  putU128(view, at + wordEnd(6), leaf.reserved)
  view.setUint16(at + wordEnd(7) - 6, Math.floor(leaf.lastSeq / 2 ** 32))
  view.setUint32(at + wordEnd(7) - 4, leaf.lastSeq % 2 ** 32)
}

function wordEnd(word: number): number {
  return (word + 1) * WORD_BYTES
}

function putU128(view: DataView, end: number, value: bigint): void {
  view.setBigUint64(end - 8, value)
  view.setBigUint64(end - 16, value < U64_LIMIT ? 0n : value >> 64n)
}

/**
 * Refuses PROOF_LENGTH (other than one sibling of 32 bytes a level, a depth or index out of range) and PROOF_INVALID
 * (the siblings lead to another root). Returning proves the leaf's fields, and nothing about how new the root is.
 */
export function verifyBalanceProof(claim: BalanceProof): void {
  const { leaf, index, proof, root, depth } = claim
  refuseShape(claim)
  let node = leaf
  for (const sibling of proof) node = nodeHash(node, sibling)
  if (bytesEqual(node, root)) return
  throw new CodedError(
    'PROOF_INVALID',
    `expected account ${index} under the given root of depth ${depth}, got another root`,
  )
}

function refuseShape({ leaf, index, proof, root, depth }: BalanceProof): void {
  if (!Number.isInteger(depth) || depth < 0 || depth > DEPTH_MAX) {
    throw new CodedError('PROOF_LENGTH', `expected a depth of 0..${DEPTH_MAX}, got ${depth}`)
  }
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** depth) {
    throw new CodedError('PROOF_LENGTH', `expected an index below 2^${depth}, got ${index}`)
  }
  if (proof.length !== depth) throw new CodedError('PROOF_LENGTH', `expected ${depth} siblings, got ${proof.length}`)
  for (const hash of [leaf, root, ...proof]) {
    if (hash.length !== HASH_BYTES)
      throw new CodedError('PROOF_LENGTH', `expected hashes of 32 bytes, got ${hash.length}`)
  }
}
