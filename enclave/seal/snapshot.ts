/** The plaintext of one snapshot chunk: its index and the number of chunks, u32 each, then its part of the state. */
import { concatBytes } from '../protocol/words.ts'

export type Chunk = { readonly index: number; readonly count: number; readonly part: Uint8Array }

export const CHUNK_BYTES_MAX = 262_144
const U32_BYTES = 4
const POSITION_BYTES = 2 * U32_BYTES

export function chunkPlaintext(index: number, count: number, part: Uint8Array): Uint8Array {
  const position = new DataView(new ArrayBuffer(POSITION_BYTES))
  position.setUint32(0, index)
  position.setUint32(U32_BYTES, count)
  return concatBytes(new Uint8Array(position.buffer), part)
}

/** Reads what chunkPlaintext wrote, or undefined when the plaintext is too short or too long to be a chunk. */
export function parseChunk(plaintext: Uint8Array): Chunk | undefined {
  if (plaintext.length < POSITION_BYTES || plaintext.length > POSITION_BYTES + CHUNK_BYTES_MAX) return undefined
  const position = new DataView(plaintext.buffer, plaintext.byteOffset, POSITION_BYTES)
  return {
    index: position.getUint32(0),
    count: position.getUint32(U32_BYTES),
    part: plaintext.subarray(POSITION_BYTES),
  }
}
