/**
 * Opens a sealed chain that the host kept: a snapshot and the deltas after it, or all deltas from record 0. The host may
 * flip, drop, double, swap or mix records of several boots; each is refused by its number. What it may do is end the
 * chain early: that a prefix is stale is found out by the chain's head, not here.
 */
import { CodedError } from '../protocol/errors.ts'
import type { Hash } from '../protocol/ids.ts'
import { bytesEqual, concatBytes } from '../protocol/words.ts'
import { decryptRecord, parseHeader, type RecordHeader, subkeyOf, TAG_ZERO, tagOf } from './record.ts'
import { parseChunk } from './snapshot.ts'

/** Where a chain stands: what the next Sealer goes on from. Without a record, lastRecord is −1 and lastTag zero. */
export type ChainEnd = {
  readonly lastRecord: number
  readonly lastTag: Uint8Array
  /** Of the newest record. */
  readonly epoch: number
  /** The header hash that the newest record names. */
  readonly lastHeaderHash: Hash | undefined
}

export type OpenedChain = {
  /** The state of the snapshot, or undefined when the chain starts at record 0. */
  readonly snapshot: Uint8Array | undefined
  /** Plaintexts of the deltas, in order. */
  readonly deltas: readonly Uint8Array[]
  readonly end: ChainEnd
}

/** Opens a whole chain at once: `snapshot` is empty, or all chunks of one snapshot. Refuses as Opener does. */
export function openRecords(
  stateKey: Uint8Array,
  ledgerId: Hash,
  records: { readonly snapshot: readonly Uint8Array[]; readonly deltas: readonly Uint8Array[] },
): OpenedChain {
  const opener = new Opener(stateKey, ledgerId)
  const parts = records.snapshot.map((chunk) => opener.openChunk(chunk))
  const deltas = records.deltas.map((record) => opener.openDelta(record))
  const snapshot = parts.length === 0 ? undefined : concatBytes(...parts)
  return { snapshot, deltas, end: opener.end() }
}

export class Opener {
  readonly #stateKey: Uint8Array
  readonly #ledgerId: Hash
  /** Records of one boot stand together, so one subkey is remembered at a time. */
  #salt: Uint8Array = new Uint8Array(0)
  #subkey: Uint8Array = new Uint8Array(0)
  #last: RecordHeader | undefined
  #lastTag: Uint8Array = TAG_ZERO
  #lastRecord = -1
  #chunksRead = 0
  /** Chunks of the snapshot; 0 before its first. */
  #chunksAll = 0
  /** The tag of the newest chunk: the next chunk must name it. */
  #chunkTag: Uint8Array = TAG_ZERO

  constructor(stateKey: Uint8Array, ledgerId: Hash) {
    this.#stateKey = stateKey
    this.#ledgerId = ledgerId
  }

  /**
   * The part of the state in the next snapshot chunk. Chunks come before all deltas, in order, all of one snapshot.
   * Refuses SEAL_BROKEN (does not authenticate for this key and ledger) and SEAL_ORDER, naming the chunk.
   */
  openChunk(record: Uint8Array): Uint8Array {
    const place = `chunk ${this.#chunksRead}`
    const { header, plaintext } = this.#decrypt(record, place)
    const deltaBefore = this.#last?.kind === 'delta'
    if (header.kind !== 'snapshot' || deltaBefore) refuseOrder(place, 'a snapshot chunk before all deltas', header.kind)
    const chunk = parseChunk(plaintext)
    if (chunk === undefined) refuseBroken(place, 'no chunk inside')
    if (chunk.index !== this.#chunksRead) refuseOrder(place, place, `chunk ${chunk.index} of ${chunk.count}`)
    if (this.#chunksRead > 0) this.#refuseOtherSnapshot(place, header, chunk.count)
    else this.#startSnapshot(header, chunk.count)
    this.#last = header
    this.#chunkTag = tagOf(record)
    this.#chunksRead += 1
    return chunk.part
  }

  /** The plaintext of the next delta. Refuses SEAL_BROKEN and SEAL_ORDER, naming the record number. */
  openDelta(record: Uint8Array): Uint8Array {
    this.#refuseMissingChunks()
    const expected = this.#lastRecord + 1
    const place = `record ${expected}`
    const { header, plaintext } = this.#decrypt(record, place)
    if (header.kind !== 'delta') refuseOrder(place, 'a delta', header.kind)
    if (header.record !== expected) refuseOrder(place, place, `record ${header.record}`)
    if (!bytesEqual(header.prevTag, this.#lastTag))
      refuseOrder(place, `one that follows this record ${expected - 1}`, 'another')
    this.#last = header
    this.#lastRecord = header.record
    this.#lastTag = tagOf(record)
    return plaintext
  }

  /** Where the chain stands. Refuses SEAL_ORDER inside a snapshot. */
  end(): ChainEnd {
    this.#refuseMissingChunks()
    return {
      lastRecord: this.#lastRecord,
      lastTag: this.#lastTag,
      epoch: this.#last?.epoch ?? 0,
      lastHeaderHash: this.#last?.lastHeaderHash,
    }
  }

  /** Authenticates before anything in the clear header is believed: a flipped number is a broken record. */
  #decrypt(record: Uint8Array, place: string): { header: RecordHeader; plaintext: Uint8Array } {
    const header = parseHeader(record)
    if (header === undefined) refuseBroken(place, `${record.length} bytes that are no record`)
    const plaintext = decryptRecord(this.#subkeyOf(header.salt), this.#ledgerId, header, record)
    if (plaintext === undefined) refuseBroken(place, 'one that does not authenticate')
    return { header, plaintext }
  }

  #subkeyOf(salt: Uint8Array): Uint8Array {
    if (!bytesEqual(salt, this.#salt)) {
      this.#subkey = subkeyOf(this.#stateKey, salt)
      this.#salt = salt
    }
    return this.#subkey
  }

  /** The first chunk names the delta record that the snapshot stands for. */
  #startSnapshot(header: RecordHeader, count: number): void {
    this.#chunksAll = count
    this.#lastRecord = header.record
    this.#lastTag = header.prevTag
  }

  #refuseOtherSnapshot(place: string, header: RecordHeader, count: number): void {
    const same =
      header.record === this.#lastRecord && count === this.#chunksAll && bytesEqual(header.prevTag, this.#chunkTag)
    if (!same) refuseOrder(place, `one of the snapshot after record ${this.#lastRecord}`, 'one of another snapshot')
  }

  #refuseMissingChunks(): void {
    if (this.#chunksRead < this.#chunksAll) {
      refuseOrder(`chunk ${this.#chunksRead}`, `${this.#chunksAll} chunks`, `${this.#chunksRead}`)
    }
  }
}

function refuseBroken(place: string, got: string): never {
  throw new CodedError('SEAL_BROKEN', `${place}: expected a record that this ledger sealed, got ${got}`)
}

function refuseOrder(place: string, expected: string, got: string): never {
  throw new CodedError('SEAL_ORDER', `${place}: expected ${expected}, got ${got}`)
}
