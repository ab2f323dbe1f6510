/** Seals what one boot writes: a chain of delta records that goes on from the loaded prefix, and snapshots beside it. */
import { assert, CodedError } from '../protocol/errors.ts'
import type { Hash } from '../protocol/ids.ts'
import {
  encryptRecord,
  IV_BYTES,
  RECORD_BYTES_MAX,
  type RecordKind,
  SALT_BYTES,
  subkeyOf,
  TAG_BYTES,
  U48_MAX,
} from './record.ts'
import { CHUNK_BYTES_MAX, chunkPlaintext } from './snapshot.ts'

export type SealerOptions = {
  readonly stateKey: Uint8Array
  readonly ledgerId: Hash
  /** The epoch that this boot opens, or tries to: the claimed one plus 1. */
  readonly epoch: number
  /** 32 random bytes, drawn once per boot. */
  readonly salt: Uint8Array
  /** The number of the next delta record: 0, or one after the last record that was loaded. */
  readonly firstRecord: number
  /** The tag of the record before it: TAG_ZERO before record 0. */
  readonly prevTag: Uint8Array
  readonly entropy: (bytes: number) => Uint8Array
}

/** Random 96-bit vectors under one key collide with probability 2^-32 after this many (NIST SP 800-38D section 8.3). */
export const RECORDS_PER_BOOT_MAX = 2 ** 32

export class Sealer {
  readonly #subkey: Uint8Array
  readonly #options: SealerOptions
  #nextRecord: number
  #prevTag: Uint8Array
  #sealedCount = 0

  constructor(options: SealerOptions) {
    assert(options.prevTag.length === TAG_BYTES, 'a tag has 16 bytes')
    assert(options.salt.length === SALT_BYTES, 'a salt has 32 bytes')
    this.#subkey = subkeyOf(options.stateKey, options.salt)
    this.#options = options
    this.#nextRecord = options.firstRecord
    this.#prevTag = options.prevTag
  }

  /** The number that the next delta record will have. */
  get nextRecord(): number {
    return this.#nextRecord
  }

  /** The tag of the newest delta record. */
  get lastTag(): Uint8Array {
    return this.#prevTag
  }

  /** Seals the entries of one request as the next record of the chain. At most RECORD_BYTES_MAX of plaintext. */
  sealDelta(lastHeaderHash: Hash, plaintext: Uint8Array): Uint8Array {
    const number = this.#nextRecord
    const { record, tag } = this.#seal('delta', lastHeaderHash, number, this.#prevTag, plaintext)
    this.#nextRecord = number + 1
    this.#prevTag = tag
    return record
  }

  /**
   * Seals a snapshot of the state after the newest delta record, as chunks of at most CHUNK_BYTES_MAX, one at a time as
   * they are asked for. Deltas that are sealed meanwhile come after it. A snapshot takes no number of the chain: `state`
   * and the deltas from nextRecord on (its value now) are the whole state. The caller must not change `state`.
   */
  sealSnapshot(lastHeaderHash: Hash, state: Uint8Array): IterableIterator<Uint8Array> {
    assert(this.#nextRecord > 0, 'a snapshot follows a delta record')
    return this.#chunks(lastHeaderHash, state, this.#nextRecord - 1, this.#prevTag)
  }

  *#chunks(
    lastHeaderHash: Hash,
    state: Uint8Array,
    followed: number,
    tagBefore: Uint8Array,
  ): IterableIterator<Uint8Array> {
    const count = Math.max(1, Math.ceil(state.length / CHUNK_BYTES_MAX))
    let prevTag = tagBefore
    for (let index = 0; index < count; index++) {
      const part = state.subarray(index * CHUNK_BYTES_MAX, (index + 1) * CHUNK_BYTES_MAX)
      const { record, tag } = this.#seal(
        'snapshot',
        lastHeaderHash,
        followed,
        prevTag,
        chunkPlaintext(index, count, part),
      )
      prevTag = tag
      yield record
    }
  }

  #seal(
    kind: RecordKind,
    lastHeaderHash: Hash,
    number: number,
    prevTag: Uint8Array,
    plaintext: Uint8Array,
  ): { record: Uint8Array; tag: Uint8Array } {
    assert(plaintext.length <= RECORD_BYTES_MAX, 'a record seals at most RECORD_BYTES_MAX')
    if (number > U48_MAX || this.#sealedCount >= RECORDS_PER_BOOT_MAX) {
      throw new CodedError('SEQUENCE_SPENT', `expected a free record number in this boot, got ${number}; load again`)
    }
    this.#sealedCount += 1
    const iv = this.#options.entropy(IV_BYTES)
    assert(iv.length === IV_BYTES, 'entropy gives as many bytes as asked')
    const { ledgerId, salt, epoch } = this.#options
    const header = { kind, epoch, record: number, salt, iv, lastHeaderHash, prevTag }
    return encryptRecord(this.#subkey, ledgerId, header, plaintext)
  }
}
