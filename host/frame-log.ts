/**
 * A file of numbered frames that several processes may write at once without a lock.
 *
 * Frame k stands where frames before it end, and its bytes are the same whoever writes it: the enclave returns a record
 * byte for byte. So each writer puts the frame at its place, never "at the end"; a late or doubled writer writes what is
 * there already. A torn frame fails its checksum, counts as absent, and is written again over its remains.
 *
 *   frame: length u32 ‖ crc32 u32 of number and payload ‖ number u48 ‖ payload
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { CodedError } from '../enclave/protocol/errors.ts'
import { makeFolder, OWNER_ONLY_MODE, syncFolder, writeAll } from './durable-file.ts'

export const FRAME_PAYLOAD_BYTES_MAX = 8_388_608
const HEAD_BYTES = 14
const NUMBER_AT = 8
const NUMBER_BYTES = 6
const SCAN_BYTES = 1_048_576

export class FrameLog {
  readonly #path: string
  /** Number of the first frame. */
  readonly first: number
  /** Where each known frame ends; frame k of the file is #ends[k − first]. */
  readonly #ends: number[] = []
  #file: FileHandle | undefined

  constructor(path: string, first: number) {
    this.#path = path
    this.first = first
  }

  /** The number that the next frame gets: all below it are here. */
  get next(): number {
    return this.first + this.#ends.length
  }

  /** Takes note of frames that other processes have added. */
  async refresh(): Promise<number> {
    const file = await this.#open()
    const { size } = await file.stat()
    for (let at = this.#end(); at < size; at = this.#end()) {
      const span = Math.min(size - at, Math.max(SCAN_BYTES, await this.#spanAt(file, at)))
      if (!this.#scan(await readAt(file, at, span), at)) break
    }
    return this.next
  }

  /** Writes frame `number` unless it is here. Refuses SEALED_STORE when a frame before it is missing. Not yet durable. */
  async write(number: number, payload: Uint8Array): Promise<void> {
    if (number < this.next) return
    if (number > this.next)
      throw new CodedError('SEALED_STORE', `expected record ${this.next} in ${this.#path}, got ${number}`)
    const frame = frameOf(number, payload)
    const file = await this.#open()
    await writeAll(file, frame, this.#end())
    this.#ends.push(this.#end() + frame.length)
  }

  /** Everything below `next` survives a power cut from here on, whoever wrote it. */
  async sync(): Promise<void> {
    await (await this.#open()).datasync()
  }

  /** Payloads from..to−1. Refuses SEALED_STORE for a frame that no longer reads back. */
  async *read(from: number, to: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const file = await this.#open()
    for (let number = from; number < to; number++) {
      const start = this.#ends[number - this.first - 1] ?? 0
      const end = this.#ends[number - this.first]
      if (end === undefined)
        throw new CodedError('SEALED_STORE', `expected record ${number} in ${this.#path}, it ends before`)
      const payload = payloadOf(await readAt(file, start, end - start), number)
      if (payload === undefined)
        throw new CodedError('SEALED_STORE', `expected record ${number} whole in ${this.#path}`)
      yield payload
    }
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  #end(): number {
    return this.#ends.at(-1) ?? 0
  }

  async #open(): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file
    await makeFolder(dirname(this.#path))
    this.#file = await open(this.#path, constants.O_RDWR | constants.O_CREAT, OWNER_ONLY_MODE)
    await syncFolder(dirname(this.#path))
    return this.#file
  }

  async #spanAt(file: FileHandle, at: number): Promise<number> {
    const head = await readAt(file, at, HEAD_BYTES)
    const length = head.length < HEAD_BYTES ? 0 : head.readUInt32BE(0)
    return length > FRAME_PAYLOAD_BYTES_MAX ? 0 : HEAD_BYTES + length
  }

  /** False when not one whole frame with the next number begins at the start of `bytes`. */
  #scan(bytes: Buffer, at: number): boolean {
    let offset = 0
    while (true) {
      const size = sizeOf(bytes, offset)
      if (size === undefined || payloadOf(bytes.subarray(offset, offset + size), this.next) === undefined)
        return offset > 0
      offset += size
      this.#ends.push(at + offset)
    }
  }
}

function frameOf(number: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEAD_BYTES + payload.length)
  frame.writeUInt32BE(payload.length, 0)
  frame.writeUIntBE(number, NUMBER_AT, NUMBER_BYTES)
  frame.set(payload, HEAD_BYTES)
  frame.writeUInt32BE(crc32(frame.subarray(NUMBER_AT)), 4)
  return frame
}

function sizeOf(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < HEAD_BYTES) return undefined
  const size = HEAD_BYTES + bytes.readUInt32BE(at)
  return size > HEAD_BYTES + FRAME_PAYLOAD_BYTES_MAX || at + size > bytes.length ? undefined : size
}

function payloadOf(frame: Buffer, number: number): Uint8Array<ArrayBuffer> | undefined {
  const whole = sizeOf(frame, 0) === frame.length
  if (!whole || frame.readUInt32BE(4) !== crc32(frame.subarray(NUMBER_AT))) return undefined
  if (frame.readUIntBE(NUMBER_AT, NUMBER_BYTES) !== number) return undefined
  return new Uint8Array(frame.subarray(HEAD_BYTES))
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, at)
  return bytes.subarray(0, bytesRead)
}
