/**
 * The bytes of one sealed record. Everything before the ciphertext is in clear, of fixed width, big-endian:
 *
 *   offset  bytes
 *   0       1   version, 1
 *   1       1   kind: 0 delta, 1 snapshot
 *   2       6   epoch
 *   8       6   record number (of a snapshot chunk: the delta record that it follows)
 *   14     32   salt of the boot that sealed it
 *   46     12   initialisation vector, random
 *   58     32   hash of the last header when it was sealed
 *   90     16   tag of the record before it (of the first chunk of a snapshot: of the delta record that it follows)
 *   106     n   ciphertext
 *   106+n  16   tag
 *
 * AES-256-GCM under HKDF-SHA256(state key, salt, "anchorhold/seal/v1"). Additional data: canonical CBOR
 * [1, kind, ledgerId, epoch, record, prevTag, sha256(lastHeaderHash ‖ salt)], kind as text (protocol section 7).
 * A record carries no length: a byte less or more changes the tag. The store that keeps it frames it.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { encodeCbor } from '../protocol/cbor.ts'
import { assert } from '../protocol/errors.ts'
import { sha256 } from '../protocol/hash.ts'
import { fromHex, HASH_BYTES, type Hash, toHash } from '../protocol/ids.ts'
import { concatBytes } from '../protocol/words.ts'

export type RecordKind = 'delta' | 'snapshot'

export type RecordHeader = {
  readonly kind: RecordKind
  readonly epoch: number
  readonly record: number
  readonly salt: Uint8Array
  readonly iv: Uint8Array
  readonly lastHeaderHash: Hash
  readonly prevTag: Uint8Array
}

/** Plaintext of one record: the entries of one request, or one chunk of a snapshot. */
export const RECORD_BYTES_MAX = 1_048_576
export const SALT_BYTES = 32
export const IV_BYTES = 12
export const TAG_BYTES = 16
/** Epochs and record numbers are u48. */
export const U48_MAX = 2 ** 48 - 1
export const HEADER_BYTES = 106
/** What a record adds to its plaintext. */
export const RECORD_OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES
/** The tag before record 0. */
export const TAG_ZERO: Uint8Array = new Uint8Array(TAG_BYTES)

const VERSION = 1
const CIPHER = 'aes-256-gcm'
const SUBKEY_BYTES = 32
const INFO = 'anchorhold/seal/v1'
const KINDS: readonly RecordKind[] = ['delta', 'snapshot']
const U48_BYTES = 6
const KIND_AT = 1
const EPOCH_AT = 2
const RECORD_AT = EPOCH_AT + U48_BYTES
const SALT_AT = RECORD_AT + U48_BYTES
const IV_AT = SALT_AT + SALT_BYTES
const LAST_HEADER_AT = IV_AT + IV_BYTES
const PREV_TAG_AT = LAST_HEADER_AT + HASH_BYTES

/** The key of one boot: two clones draw different salts, so they never share it (threat A17). */
export function subkeyOf(stateKey: Uint8Array, salt: Uint8Array): Uint8Array {
  assert(salt.length === SALT_BYTES, 'a salt has 32 bytes')
  return new Uint8Array(hkdfSync('sha256', stateKey, salt, INFO, SUBKEY_BYTES))
}

/** Seals one plaintext: the whole record and, for the next one, its tag. */
export function encryptRecord(
  subkey: Uint8Array,
  ledgerId: Hash,
  header: RecordHeader,
  plaintext: Uint8Array,
): { record: Uint8Array; tag: Uint8Array } {
  assert(plaintext.length <= RECORD_BYTES_MAX, 'a record seals at most RECORD_BYTES_MAX')
  const cipher = createCipheriv(CIPHER, subkey, header.iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(associatedData(ledgerId, header))
  const body = cipher.update(plaintext)
  cipher.final()
  const tag = new Uint8Array(cipher.getAuthTag())
  return { record: concatBytes(encodeHeader(header), body, tag), tag }
}

/** The plaintext, or undefined when the record was not sealed like this under this key for this ledger. */
export function decryptRecord(
  subkey: Uint8Array,
  ledgerId: Hash,
  header: RecordHeader,
  record: Uint8Array,
): Uint8Array | undefined {
  const decipher = createDecipheriv(CIPHER, subkey, header.iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(associatedData(ledgerId, header))
  decipher.setAuthTag(tagOf(record))
  const plaintext = decipher.update(record.subarray(HEADER_BYTES, record.length - TAG_BYTES))
  try {
    decipher.final()
  } catch {
    // The one thing that final() refuses is the tag.
    return undefined
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
}

/** The clear header of foreign bytes, or undefined when they can be no record: length, version, kind. */
export function parseHeader(record: Uint8Array): RecordHeader | undefined {
  const kind = KINDS[record[KIND_AT] ?? KINDS.length]
  const sizeFits = record.length >= RECORD_OVERHEAD_BYTES && record.length <= RECORD_OVERHEAD_BYTES + RECORD_BYTES_MAX
  if (!sizeFits || record[0] !== VERSION || kind === undefined) return undefined
  return {
    kind,
    epoch: readU48(record, EPOCH_AT),
    record: readU48(record, RECORD_AT),
    salt: copy(record, SALT_AT, IV_AT),
    iv: copy(record, IV_AT, LAST_HEADER_AT),
    lastHeaderHash: toHash(record.subarray(LAST_HEADER_AT, PREV_TAG_AT)),
    prevTag: copy(record, PREV_TAG_AT, HEADER_BYTES),
  }
}

/** The last 16 bytes. */
export function tagOf(record: Uint8Array): Uint8Array {
  return copy(record, record.length - TAG_BYTES, record.length)
}

/** slice() of a Buffer is a view, which would keep a whole frame of the host alive behind 16 bytes. */
function copy(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.subarray(from, to))
}

function associatedData(ledgerId: Hash, header: RecordHeader): Uint8Array {
  const { kind, epoch, record, prevTag, lastHeaderHash, salt } = header
  const bound = sha256(concatBytes(fromHex(lastHeaderHash), salt))
  return encodeCbor([VERSION, kind, fromHex(ledgerId), epoch, record, prevTag, bound])
}

function encodeHeader(header: RecordHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  bytes[0] = VERSION
  bytes[KIND_AT] = KINDS.indexOf(header.kind)
  writeU48(bytes, EPOCH_AT, header.epoch)
  writeU48(bytes, RECORD_AT, header.record)
  bytes.set(header.salt, SALT_AT)
  bytes.set(header.iv, IV_AT)
  bytes.set(fromHex(header.lastHeaderHash), LAST_HEADER_AT)
  bytes.set(header.prevTag, PREV_TAG_AT)
  return bytes
}

function writeU48(bytes: Uint8Array, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0 && value <= U48_MAX, 'an epoch or record number is a u48')
  let rest = value
  for (let index = at + U48_BYTES - 1; index >= at; index--) {
    bytes[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

function readU48(bytes: Uint8Array, at: number): number {
  return bytes.subarray(at, at + U48_BYTES).reduce((value, byte) => value * 256 + byte, 0)
}
