/**
 * One client. Its bytes become requests, its requests are answered in their order, and at each moment one deadline says
 * how long it may stay as it is.
 */
import type { Socket } from 'node:net'
import { CodedError, isCoded } from '../protocol/errors.ts'
import {
  type Encoding,
  encodeFrame,
  encodeMessage,
  FRAME_HEAD_BYTES,
  FrameReader,
  frameHead,
} from '../protocol/frame.ts'
import type { TransportLimits } from './limits.ts'
import type { Turn } from './turns.ts'

/** Answers one request. A rejection is a bug of ours; the client is told INTERNAL and nothing else. */
export type Handle = (request: Uint8Array, connection: ConnectionFacts) => Promise<Uint8Array>

/** What a handler may know of who asks. Both come from the host and prove nothing. */
export type ConnectionFacts = { readonly id: number; readonly requests: number }

export type ConnectionEvents = {
  /** Requests wait and an answer can be taken. */
  readonly ready: (connection: Connection) => void
  readonly closed: (connection: Connection) => void
  /** More bytes are held: the total may be above its limit now. */
  readonly grown: () => void
}

/**
 * What the client does, each with its own deadline. busy: the next move is ours. idle: between requests. arriving: inside
 * a frame. unread: an answer is not being read. leaving: all is said.
 */
type Doing = 'busy' | 'idle' | 'arriving' | 'unread' | 'leaving'

const FIRST_BYTE_JSON = 0x7b
/** Up to here an answer and its length are made one piece: to write two costs more than the copy. */
const ONE_PIECE_BYTES_MAX = 16_384

/** What goes over the wire, in order. */
type Pieces = readonly Uint8Array[]

export class Connection implements Turn {
  readonly id: number
  readonly #socket: Socket
  readonly #limits: TransportLimits
  readonly #handle: Handle
  readonly #events: ConnectionEvents
  #reader: FrameReader
  #queue: Uint8Array[] = []
  #queueAt = 0
  #queuedBytes = 0
  #arrivingBytes = 0
  #requests = 0
  #handling = false
  #inputEnded = false
  /** Told to the client after the answers before it; then the connection ends. */
  #refusal: CodedError | undefined
  #encoding: Encoding = 'json'
  #doing: Doing = 'busy'
  #doingSinceMs = performance.now()
  #deadline: NodeJS.Timeout | undefined

  constructor(id: number, socket: Socket, handle: Handle, limits: TransportLimits, events: ConnectionEvents) {
    this.id = id
    this.#socket = socket
    this.#handle = handle
    this.#limits = limits
    this.#events = events
    this.#reader = new FrameReader(limits.frameBytesMax)
    socket.on('data', (chunk: Uint8Array) => this.#take(chunk))
    socket.on('end', () => this.#endInput())
    socket.on('drain', () => this.#settle())
    // A reset by the client. 'close' follows and cleans up.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#closed())
    this.#settle()
  }

  /** Bytes held for this client, in both directions. */
  get bufferedBytes(): number {
    return this.#inputBytes + this.#socket.writableLength
  }

  /** How long it has been doing nothing that is owed an answer; undefined while it is owed one. */
  get waitingSinceMs(): number | undefined {
    return this.#doing === 'busy' ? undefined : this.#doingSinceMs
  }

  /** True once a whole request has come. */
  get proven(): boolean {
    return this.#requests > 0
  }

  /** Handles the oldest request. True when another can follow at once. */
  async step(): Promise<boolean> {
    const request = this.#dequeue()
    if (request === undefined) return false
    this.#handling = true
    const answer = await this.#answer(request)
    this.#handling = false
    this.#send(answer)
    this.#settle()
    return this.#canStep()
  }

  /** Refuses the client: what was asked before is answered, then the refusal, then the end. */
  refuse(refusal: CodedError): void {
    this.#refusal ??= refusal
    this.#forgetArriving()
    this.#settle()
  }

  /** Cuts the connection without a word. */
  destroy(): void {
    this.#socket.destroy()
  }

  #take(chunk: Uint8Array): void {
    // After a refusal bytes are thrown away: closing with unread bytes would reset the refusal out of the client's hands.
    if (this.#refusal !== undefined || this.#inputEnded) return
    const frames = this.#cut(chunk)
    if (frames === undefined) return
    for (const frame of frames) this.#enqueue(frame)
    if (!this.#reader.partial) this.#arrivingBytes = 0
    this.#settle()
    this.#events.grown()
  }

  #cut(chunk: Uint8Array): Uint8Array[] | undefined {
    this.#arrivingBytes += chunk.length
    try {
      return this.#reader.push(chunk)
    } catch (error) {
      if (!isCoded(error)) throw error
      this.refuse(error)
      return undefined
    }
  }

  #enqueue(frame: Uint8Array): void {
    this.#arrivingBytes -= FRAME_HEAD_BYTES + frame.length
    this.#queuedBytes += frame.length
    this.#queue.push(frame)
    this.#requests += 1
  }

  #dequeue(): Uint8Array | undefined {
    const request = this.#queue[this.#queueAt]
    if (request === undefined || this.#socket.destroyed) return undefined
    this.#queueAt += 1
    this.#queuedBytes -= request.length
    if (this.#queueAt === this.#queue.length) {
      this.#queue = []
      this.#queueAt = 0
    }
    return request
  }

  get #inputBytes(): number {
    return this.#queuedBytes + this.#arrivingBytes
  }

  get #queued(): number {
    return this.#queue.length - this.#queueAt
  }

  /** The frame of the answer. An answer that cannot be framed is as much a bug as a rejection. */
  async #answer(request: Uint8Array): Promise<Pieces> {
    this.#encoding = request[0] === FIRST_BYTE_JSON || request.length === 0 ? 'json' : 'cbor'
    try {
      return framed(await this.#handle(request, { id: this.id, requests: this.#requests }))
    } catch {
      // What went wrong is for `handle` to tell its operator: error text may hold secrets and is not sent.
      return this.#encodeRefusal(new CodedError('INTERNAL', 'expected an answer, got a bug of the enclave'))
    }
  }

  #encodeRefusal(refusal: CodedError): Pieces {
    const { code, message, action, retry } = refusal
    return framed(encodeMessage({ error: { code, message, action, retry } }, this.#encoding))
  }

  #send(pieces: Pieces): void {
    if (!this.#socket.writable) return
    // One system call for all pieces; what is one piece is written at once.
    if (pieces.length > 1) this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    if (pieces.length > 1) this.#socket.uncork()
    if (this.#socket.writableNeedDrain) this.#events.grown()
  }

  /** Everything that follows from what has just changed: end, read or not, whose turn, which deadline. */
  #settle(): void {
    if (this.#socket.destroyed) return
    this.#endWhenDone()
    this.#readOrPause()
    this.#arm(this.#doingNow())
    if (this.#canStep()) this.#events.ready(this)
  }

  #endWhenDone(): void {
    const asked = this.#queued > 0 || this.#handling
    const last = this.#inputEnded || this.#refusal !== undefined
    if (asked || !last || this.#socket.writableEnded) return
    if (this.#refusal !== undefined) this.#send(this.#encodeRefusal(this.#refusal))
    this.#socket.end()
  }

  #readOrPause(): void {
    const full = this.#queued >= this.#limits.requestsMax || this.#inputBytes >= this.#limits.connectionBytesMax
    const pause = this.#refusal === undefined && (this.#socket.writableNeedDrain || (full && this.#queued > 0))
    if (pause && !this.#socket.isPaused()) this.#socket.pause()
    if (!pause && this.#socket.isPaused()) this.#socket.resume()
  }

  #canStep(): boolean {
    return this.#queued > 0 && !this.#handling && !this.#socket.writableNeedDrain && this.#socket.writable
  }

  #endInput(): void {
    this.#inputEnded = true
    try {
      this.#reader.end()
    } catch (error) {
      if (!isCoded(error)) throw error
      this.#refusal ??= error
    }
    this.#forgetArriving()
    this.#settle()
  }

  #forgetArriving(): void {
    this.#reader = new FrameReader(this.#limits.frameBytesMax)
    this.#arrivingBytes = 0
  }

  #doingNow(): Doing {
    if (this.#socket.writableEnded) return 'leaving'
    if (this.#socket.writableNeedDrain) return 'unread'
    if (this.#handling || this.#queued > 0 || this.#refusal !== undefined) return 'busy'
    return this.#reader.partial ? 'arriving' : 'idle'
  }

  /** Starts the deadline of a new doing; the same doing keeps the one that runs. */
  #arm(doing: Doing): void {
    if (doing === this.#doing && this.#deadline !== undefined) return
    this.#disarm()
    this.#doing = doing
    this.#doingSinceMs = performance.now()
    if (doing !== 'busy') this.#deadline = setTimeout(() => this.#expire(doing), this.#timeoutMs(doing))
  }

  #disarm(): void {
    clearTimeout(this.#deadline)
    this.#deadline = undefined
  }

  #timeoutMs(doing: Exclude<Doing, 'busy'>): number {
    switch (doing) {
      case 'idle':
        return this.#limits.idleTimeoutMs
      case 'arriving':
        return this.#limits.frameTimeoutMs
      case 'unread':
        return this.#limits.writeTimeoutMs
      case 'leaving':
        return this.#limits.lingerTimeoutMs
    }
  }

  #expire(doing: Doing): void {
    if (doing === 'arriving') {
      const within = `${this.#limits.frameTimeoutMs} ms`
      this.refuse(
        new CodedError('FRAME_TIMEOUT', `expected a whole frame within ${within}, got ${this.#arrivingBytes} bytes`),
      )
    } else if (doing === 'idle') {
      this.#inputEnded = true
      this.#settle()
    } else {
      this.destroy()
    }
  }

  #closed(): void {
    this.#disarm()
    this.#queue = []
    this.#queueAt = 0
    this.#queuedBytes = 0
    this.#arrivingBytes = 0
    this.#events.closed(this)
  }
}

function framed(payload: Uint8Array): Pieces {
  return payload.length <= ONE_PIECE_BYTES_MAX ? [encodeFrame(payload)] : [frameHead(payload), payload]
}
