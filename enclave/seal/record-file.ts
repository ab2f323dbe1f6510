/** Sealed records one after the other, each behind its length: the form of `blob_b64`. */
import { CodedError } from '../protocol/errors.ts'
import { concatBytes } from '../protocol/words.ts'

const LENGTH_BYTES = 4

export function packRecords(records: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...records.flatMap((record) => [lengthOf(record), record]))
}

function lengthOf(record: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, record.length)
  return length
}

/** Refuses SEAL_BROKEN when the blob is cut or holds more than `recordsMax`. */
export function unpackRecords(blob: Uint8Array, recordsMax: number): Uint8Array[] {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length)
  const records: Uint8Array[] = []
  for (let at = 0; at < blob.length; ) {
    const end = at + LENGTH_BYTES <= blob.length ? at + LENGTH_BYTES + view.getUint32(at) : Number.POSITIVE_INFINITY
    if (end > blob.length || records.length >= recordsMax) {
      throw new CodedError('SEAL_BROKEN', `expected at most ${recordsMax} whole records, got a cut at byte ${at}`)
    }
    records.push(blob.slice(at + LENGTH_BYTES, end))
    at = end
  }
  return records
}
