/**
 * SHA-384 and ECDSA over P-384, which Nitro signs with. `shell` installs fast ones at start (node:crypto); without that
 * they are those of @noble, so that a browser or an outsider can run the same verifier. Tests run both.
 */
import { p384 } from '@noble/curves/p384.js'
import { sha384 as nobleSha384 } from '@noble/hashes/sha2.js'
import type { HashFunction } from '../hash.ts'

export const SHA384_BYTES = 48
/** 04‖x‖y. */
export const P384_POINT_BYTES = 97
const UNCOMPRESSED = 0x04
/** r‖s. */
export const P384_SIGNATURE_BYTES = 96

/**
 * True if r‖s (96 bytes) is a signature of `message` with SHA-384 by the key at `point` (97 bytes, 04‖x‖y). A high s
 * counts: half of the genuine signatures have one. False, never an error, for a point or numbers that are none.
 */
export type P384Verify = (message: Uint8Array, signature: Uint8Array, point: Uint8Array) => boolean

export type P384Functions = { readonly sha384: HashFunction; readonly verify: P384Verify }

const PURE: P384Functions = { sha384: nobleSha384, verify: nobleVerify }
let functions = PURE

export function sha384(bytes: Uint8Array): Uint8Array {
  return functions.sha384(bytes)
}

export function verifyP384(message: Uint8Array, signature: Uint8Array, point: Uint8Array): boolean {
  // Libraries differ in which other forms they take.
  if (signature.length !== P384_SIGNATURE_BYTES) return false
  if (point.length !== P384_POINT_BYTES || point[0] !== UNCOMPRESSED) return false
  return functions.verify(message, signature, point)
}

/** Replaces the implementations. SHA-384 must return a fresh array on each call. */
export function installP384(fast: P384Functions): void {
  functions = fast
}

/** Goes back to the pure implementations; tests run both. */
export function installPureP384(): void {
  functions = PURE
}

function nobleVerify(message: Uint8Array, signature: Uint8Array, point: Uint8Array): boolean {
  try {
    return p384.verify(signature, nobleSha384(message), point, { lowS: false, format: 'compact' })
  } catch {
    // Numbers out of range, or a point that is not on the curve: no signature, whatever the reason.
    return false
  }
}
