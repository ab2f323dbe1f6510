/** A byte stream cut into whole lines, in bounded memory: a line that is too long is hashed as it flows by, not kept. */
import { createHash, type Hash as Hasher, hash as hashOnce } from 'node:crypto'
import { LINE_BYTES_MAX } from '../enclave/protocol/methods.ts'

/** `bytes` holds the line with its newline, undefined when it is longer than LINE_BYTES_MAX. */
export type Line = { readonly bytes: Buffer<ArrayBuffer> | undefined; readonly hash: Buffer; readonly size: number }

const NEWLINE = 10

export class LineSplitter {
  #parts: Buffer<ArrayBuffer>[] = []
  #size = 0
  #hasher: Hasher | undefined

  /** Bytes of the line that has begun and not ended. */
  get partial(): number {
    return this.#size
  }

  /** The lines that `chunk` completes. The caller does not reuse the chunk: lines point into it. */
  *push(chunk: Buffer<ArrayBuffer>): Generator<Line> {
    let at = 0
    for (let end = chunk.indexOf(NEWLINE, at); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      yield this.#finish(chunk.subarray(at, end + 1))
      at = end + 1
    }
    if (at < chunk.length) this.#hold(chunk.subarray(at))
  }

  #finish(last: Buffer<ArrayBuffer>): Line {
    if (this.#size === 0 && last.length <= LINE_BYTES_MAX) return { bytes: last, hash: sha256(last), size: last.length }
    this.#hold(last)
    const whole = this.#hasher === undefined ? Buffer.concat(this.#parts) : undefined
    const line = { bytes: whole, hash: this.#hasher?.digest() ?? sha256(whole ?? last), size: this.#size }
    this.#parts = []
    this.#size = 0
    this.#hasher = undefined
    return line
  }

  #hold(part: Buffer<ArrayBuffer>): void {
    this.#size += part.length
    if (this.#hasher === undefined && this.#size <= LINE_BYTES_MAX) {
      this.#parts.push(part)
      return
    }
    this.#hasher ??= this.#parts.splice(0).reduce((hasher, held) => hasher.update(held), createHash('sha256'))
    this.#hasher.update(part)
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return hashOnce('sha256', bytes, 'buffer')
}
