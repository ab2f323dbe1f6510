/**
 * The two hash functions of the protocol. `shell` installs fast ones at start (node:crypto, WebAssembly);
 * without that they are the pure ones of @noble/hashes, so that a browser or an auditor can run the same code.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { keccak_256 as nobleKeccak256 } from '@noble/hashes/sha3.js'
import { assert } from './errors.ts'

export type HashFunction = (bytes: Uint8Array) => Uint8Array

/** Messages that are laid out first and hashed together with keccak-256: neither a call nor an array for each. */
export type HashRows = {
  /** The messages, one a row: the next one begins `widthBytes` further on. Starts at a multiple of 4 in its buffer. */
  readonly bytes: Uint8Array
  readonly widthBytes: number
  /** The message of `row` has this size from now on; what the row holds beyond it is lost. */
  readonly setSize: (row: number, sizeBytes: number) => void
  /** Writes the hashes of the first `count` messages, the next one `strideBytes` further on in `into`. */
  readonly hashInto: (count: number, into: Uint8Array, strideBytes: number) => void
}

/**
 * Room for `rows` messages of at most `sizeBytesMax`, each of that size at first. Sizes may differ by what one block of
 * keccak-256 (136 bytes) holds: floor(size / 136) is the same for all.
 */
export type HashRowsMaker = (rows: number, sizeBytesMax: number) => HashRows

/** What one permutation of keccak-256 takes in. */
export const KECCAK_BLOCK_BYTES = 136
const HASH_BYTES = 32
const ROW_ALIGNMENT_BYTES = 4

let keccak: HashFunction = nobleKeccak256
let sha: HashFunction = nobleSha256
let makeRows: HashRowsMaker = plainHashRows

/** keccak-256 of `bytes`: 32 bytes. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return keccak(bytes)
}

/** SHA-256 of `bytes`: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return sha(bytes)
}

export function newHashRows(rows: number, sizeBytesMax: number): HashRows {
  return makeRows(rows, sizeBytesMax)
}

/** Replaces the implementations. Functions must return a fresh 32-byte array on each call. Rows go through keccak256 by default. */
export function installHashes(fast: { keccak256: HashFunction; sha256: HashFunction; hashRows?: HashRowsMaker }): void {
  keccak = fast.keccak256
  sha = fast.sha256
  makeRows = fast.hashRows ?? plainHashRows
}

/** Goes back to the pure implementations; tests run both. */
export function installPureHashes(): void {
  installHashes({ keccak256: nobleKeccak256, sha256: nobleSha256 })
}

/** Row after row through keccak256. */
function plainHashRows(rows: number, sizeBytesMax: number): HashRows {
  const widthBytes = Math.ceil(sizeBytesMax / ROW_ALIGNMENT_BYTES) * ROW_ALIGNMENT_BYTES
  const bytes = new Uint8Array(rows * widthBytes)
  const sizes = new Uint32Array(rows).fill(sizeBytesMax)
  return {
    bytes,
    widthBytes,
    setSize: (row, sizeBytes) => {
      checkRow(sizeBytes, sizeBytesMax)
      sizes[row] = sizeBytes
    },
    hashInto: (count, into, strideBytes) => {
      assert(count <= rows, 'no more messages than rows')
      for (let row = 0; row < count; row++) {
        const at = row * widthBytes
        const hash = keccak256(bytes.subarray(at, at + (sizes[row] as number)))
        assert(hash.length === HASH_BYTES, 'a hash has 32 bytes')
        into.set(hash, row * strideBytes)
      }
    },
  }
}

/** What every maker of rows asks of a size: that it fits its row, and takes as many blocks as the others. */
export function checkRow(sizeBytes: number, sizeBytesMax: number): void {
  const blocks = Math.floor(sizeBytes / KECCAK_BLOCK_BYTES)
  assert(sizeBytes <= sizeBytesMax, 'a message fits its row')
  assert(blocks === Math.floor(sizeBytesMax / KECCAK_BLOCK_BYTES), 'messages of one batch take as many blocks each')
}
