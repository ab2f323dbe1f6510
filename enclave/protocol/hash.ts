/**
 * The two hash functions of the protocol. `shell` installs fast ones at start (node:crypto, hash-wasm);
 * without that they are the pure ones of @noble/hashes, so that a browser or an auditor can run the same code.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { keccak_256 as nobleKeccak256 } from '@noble/hashes/sha3.js'

export type HashFunction = (bytes: Uint8Array) => Uint8Array

let keccak: HashFunction = nobleKeccak256
let sha: HashFunction = nobleSha256

/** keccak-256 of `bytes`: 32 bytes. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return keccak(bytes)
}

/** SHA-256 of `bytes`: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return sha(bytes)
}

/** Replaces the implementations. Both must return a fresh 32-byte array on each call. */
export function installHashes(fast: { keccak256: HashFunction; sha256: HashFunction }): void {
  keccak = fast.keccak256
  sha = fast.sha256
}

/** Goes back to the pure implementations; tests run both. */
export function installPureHashes(): void {
  installHashes({ keccak256: nobleKeccak256, sha256: nobleSha256 })
}
