/** Rows of messages for protocol/hash.ts, hashed two by two where they lie. */
import { assert } from '../protocol/errors.ts'
import { checkRow, type HashRows, KECCAK_BLOCK_BYTES } from '../protocol/hash.ts'
import { HASH_BYTES } from '../protocol/ids.ts'
import { FREE_AT, newKeccakModule } from './keccak-module.ts'

/** What keccak-256 puts around the end of a message: both in one byte when only one is left. */
const PADDING_FIRST = 0x01
const PADDING_LAST = 0x80

export function wasmHashRows(rows: number, sizeBytesMax: number): HashRows {
  const widthBytes = (Math.floor(sizeBytesMax / KECCAK_BLOCK_BYTES) + 1) * KECCAK_BLOCK_BYTES
  // An odd number of messages has an empty row for a partner.
  const messagesBytes = (rows + 1) * widthBytes
  const hashesAt = FREE_AT + messagesBytes
  const keccak = newKeccakModule(messagesBytes + (rows + 1) * HASH_BYTES)
  const bytes = new Uint8Array(keccak.memory.buffer, FREE_AT, messagesBytes)
  const setSize = (row: number, sizeBytes: number): void => {
    checkRow(sizeBytes, sizeBytesMax)
    const [end, next] = [row * widthBytes + sizeBytes, (row + 1) * widthBytes]
    bytes.fill(0, end, next)
    bytes[end] = PADDING_FIRST
    bytes[next - 1] = (bytes[next - 1] as number) | PADDING_LAST
  }
  const hashPair = (row: number): void => {
    const start = FREE_AT + row * widthBytes
    for (let at = start; at < start + widthBytes; at += KECCAK_BLOCK_BYTES) keccak.absorb(at, at + widthBytes)
    keccak.squeeze(hashesAt + row * HASH_BYTES, hashesAt + (row + 1) * HASH_BYTES)
  }
  for (let row = 0; row < rows; row++) setSize(row, sizeBytesMax)
  const hashes = new Uint8Array(keccak.memory.buffer, hashesAt, rows * HASH_BYTES)
  return {
    bytes,
    widthBytes,
    setSize,
    hashInto: (count, into, strideBytes) => {
      assert(count <= rows, 'no more messages than rows')
      for (let row = 0; row < count; row += 2) hashPair(row)
      spread(hashes, count, into, strideBytes)
    },
  }
}

function spread(hashes: Uint8Array, count: number, into: Uint8Array, strideBytes: number): void {
  assert((count - 1) * strideBytes + HASH_BYTES <= into.length, 'the hashes fit')
  if (strideBytes === HASH_BYTES) return into.set(hashes.subarray(0, count * HASH_BYTES))
  for (let row = 0, from = 0; row < count; row++) {
    const to = row * strideBytes
    for (let at = 0; at < HASH_BYTES; at++) into[to + at] = hashes[from++] as number
  }
}
