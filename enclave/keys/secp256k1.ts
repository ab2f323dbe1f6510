/**
 * ECDSA over secp256k1 by the native library, and by nothing else. The npm package falls back in silence to a
 * JavaScript curve that is neither constant in time nor as fast; so its binding is loaded here directly.
 * See docs/adr/0003-native-secp256k1.md.
 */
import { createRequire } from 'node:module'
import { assert, CodedError } from '../protocol/errors.ts'
import { keccak256 } from '../protocol/hash.ts'
import { ADDRESS_BYTES, type Address, HASH_BYTES, toHex } from '../protocol/ids.ts'

/** r and s: 32 bytes each, big-endian, s in the lower half of the order. yParity: which of the two points r names. */
export type Signature = { readonly r: Uint8Array; readonly s: Uint8Array; readonly yParity: 0 | 1 }

export const PRIVATE_KEY_BYTES = 32
/** r ‖ s ‖ v, v 27 or 28 (protocol section 4). */
export const SIGNATURE_BYTES = 65
/** r ‖ yParity and s in one word (EIP-2098). */
export const COMPACT_SIGNATURE_BYTES = 64

const WORD_BYTES = 32
const V_OFFSET = 27
const PARITY_BIT = 0x80
const PUBLIC_KEY_BYTES = 65
/** Half the order of the curve, rounded down: the largest s that is low (EIP-2). */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

type Native = {
  privateKeyVerify(key: Uint8Array): boolean
  publicKeyCreate(key: Uint8Array, compressed: boolean): Uint8Array
  ecdsaSign(digest: Uint8Array, key: Uint8Array): { signature: Uint8Array; recid: number }
  ecdsaRecover(rs: Uint8Array, recid: number, digest: Uint8Array, compressed: boolean): Uint8Array
}

const native = loadNative()

/** True when `key` is 32 bytes between 1 and the order of the curve minus 1. */
export function isPrivateKey(key: Uint8Array): boolean {
  return key.length === PRIVATE_KEY_BYTES && native.privateKeyVerify(key)
}

/** The address of a private key: the last 20 bytes of keccak256 of the public point. */
export function addressOf(privateKey: Uint8Array): Address {
  assert(isPrivateKey(privateKey), 'a private key lies between 1 and the order of the curve')
  return addressOfPoint(native.publicKeyCreate(privateKey, false))
}

/** Signs a 32-byte digest: deterministic nonce (RFC 6979), low s (EIP-2). The same input gives the same bytes. */
export function sign(digest: Uint8Array, privateKey: Uint8Array): Signature {
  assert(digest.length === HASH_BYTES, 'a digest has 32 bytes')
  assert(isPrivateKey(privateKey), 'a private key lies between 1 and the order of the curve')
  const { signature, recid } = native.ecdsaSign(digest, privateKey)
  // recid 2 and 3 mean r ≥ the order: found with probability 2^-127, and not expressible in v.
  assert(recid === 0 || recid === 1, 'the point of a signature lies below the order')
  return { r: signature.slice(0, WORD_BYTES), s: signature.slice(WORD_BYTES), yParity: recid === 0 ? 0 : 1 }
}

/**
 * The signer of a 32-byte digest, or undefined when no key can have made this signature: r or s zero or out of range,
 * s high (a second form of the same signature, which would make identifiers of signed things ambiguous), no such point.
 */
export function recoverAddress(digest: Uint8Array, signature: Signature): Address | undefined {
  assert(digest.length === HASH_BYTES, 'a digest has 32 bytes')
  if (signature.r.length !== WORD_BYTES || signature.s.length !== WORD_BYTES || !isLow(signature.s)) return undefined
  const rs = join(signature.r, signature.s)
  try {
    return addressOfPoint(native.ecdsaRecover(rs, signature.yParity, digest, false))
  } catch {
    // The native code throws for values out of range and for an r that is no point: foreign bytes, so no signer.
    return undefined
  }
}

/** 65 bytes: r ‖ s ‖ v, v 27 or 28. */
export function encodeSignature(signature: Signature): Uint8Array {
  const bytes = new Uint8Array(SIGNATURE_BYTES)
  bytes.set(signature.r, 0)
  bytes.set(signature.s, WORD_BYTES)
  bytes[SIGNATURE_BYTES - 1] = V_OFFSET + signature.yParity
  return bytes
}

/** 64 bytes (EIP-2098): r ‖ s, with yParity in the top bit of s, which is free because s is low. */
export function encodeCompactSignature(signature: Signature): Uint8Array {
  const bytes = join(signature.r, signature.s)
  if (signature.yParity === 1) bytes[WORD_BYTES] = (bytes[WORD_BYTES] as number) | PARITY_BIT
  return bytes
}

/** Reads 65 bytes r ‖ s ‖ v. Refuses SIGNATURE_INVALID: other lengths, v other than 27 and 28, a high s. */
export function decodeSignature(bytes: Uint8Array): Signature {
  if (bytes.length !== SIGNATURE_BYTES) refuseForm(`${SIGNATURE_BYTES} bytes`, `${bytes.length} bytes`)
  const v = bytes[SIGNATURE_BYTES - 1] as number
  if (v !== V_OFFSET && v !== V_OFFSET + 1) refuseForm('v 27 or 28', `v ${v}`)
  return lowOnly(bytes.slice(0, WORD_BYTES), bytes.slice(WORD_BYTES, 2 * WORD_BYTES), v === V_OFFSET ? 0 : 1)
}

/** Reads the 64 bytes of EIP-2098. Refuses SIGNATURE_INVALID: other lengths, a high s. */
export function decodeCompactSignature(bytes: Uint8Array): Signature {
  if (bytes.length !== COMPACT_SIGNATURE_BYTES) refuseForm(`${COMPACT_SIGNATURE_BYTES} bytes`, `${bytes.length} bytes`)
  const s = bytes.slice(WORD_BYTES)
  const top = s[0] as number
  s[0] = top & ~PARITY_BIT
  return lowOnly(bytes.slice(0, WORD_BYTES), s, (top & PARITY_BIT) === 0 ? 0 : 1)
}

function loadNative(): Native {
  const require = createRequire(import.meta.url)
  try {
    return require('secp256k1/bindings.js') as Native
  } catch (cause) {
    const place = `${process.platform}-${process.arch}`
    throw new CodedError('NATIVE_MISSING', `expected a native secp256k1 for ${place}, got none; build or install it`, {
      cause,
    })
  }
}

function addressOfPoint(point: Uint8Array): Address {
  assert(point.length === PUBLIC_KEY_BYTES, 'an uncompressed point has 65 bytes')
  return toHex(keccak256(point.subarray(1)).subarray(HASH_BYTES - ADDRESS_BYTES)) as Address
}

function lowOnly(r: Uint8Array, s: Uint8Array, yParity: 0 | 1): Signature {
  if (!isLow(s)) refuseForm('s in the lower half of the order', toHex(s))
  return { r, s, yParity }
}

function isLow(s: Uint8Array): boolean {
  // One byte decides nearly always; the whole word only at the border.
  return (s[0] as number) < 0x7f || BigInt(toHex(s)) <= HALF_ORDER
}

function join(r: Uint8Array, s: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(COMPACT_SIGNATURE_BYTES)
  bytes.set(r, 0)
  bytes.set(s, WORD_BYTES)
  return bytes
}

function refuseForm(expected: string, got: string): never {
  throw new CodedError('SIGNATURE_INVALID', `expected a signature with ${expected}, got ${got}`)
}
