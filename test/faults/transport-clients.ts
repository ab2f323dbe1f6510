/** Clients of a transport in the same process: what they send, what they get, and when a listener has it. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { decodeMessage, encodeFrame, FrameReader } from '../../enclave/protocol/frame.ts'
import type { TransportLimits } from '../../enclave/shell/limits.ts'
import { type Handle, type Listener, listen } from '../../enclave/shell/transport.ts'

export const echo: Handle = async (request) => request

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

export function codeOf(answer: Uint8Array): string {
  return (decodeMessage(answer).message['error'] as { code: string }).code
}

/** Until so many bytes are held: of frames that nobody handles yet, or of answers that nobody reads. */
export async function holds(listener: Listener, bytesMin: number): Promise<void> {
  while (listener.bufferedBytes() < bytesMin) await nextTurn()
}

/** A client that sends bytes as it likes and collects the frames it gets. */
export class Client {
  readonly socket: Socket
  readonly answers: Uint8Array[] = []
  ended = false
  readonly #reader = new FrameReader()

  constructor(endpoint: string) {
    const url = new URL(endpoint.replace('unix:', 'file:'))
    this.socket = endpoint.startsWith('unix:') ? connect(url.pathname) : connect(Number(url.port), url.hostname)
    this.socket.on('data', (chunk) => this.answers.push(...this.#reader.push(chunk)))
    this.socket.on('end', () => {
      this.ended = true
    })
    this.socket.on('error', () => undefined)
  }

  send(...requests: string[]): this {
    for (const request of requests) this.socket.write(encodeFrame(text(request)))
    return this
  }

  async answered(count: number): Promise<string[]> {
    while (this.answers.length < count) await once(this.socket, 'data')
    return this.answers.map(textOf)
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close')
  }
}

export type Transport = {
  open(handle?: Handle, limits?: Partial<TransportLimits>, endpoint?: string): Promise<Listener>
  client(listener: Listener): Client
}

/** For the tests of one block, each of which finds its clients gone and its listeners closed at its end. */
export function useTransport(): Transport {
  const listeners: Listener[] = []
  const clients: Client[] = []
  afterEach(async () => {
    for (const each of clients.splice(0)) each.socket.destroy()
    for (const listener of listeners.splice(0)) await listener.close()
  })
  return {
    async open(handle = echo, limits = {}, endpoint = 'tcp://127.0.0.1:0') {
      const listener = await listen(endpoint, handle, limits)
      listeners.push(listener)
      return listener
    },
    client(listener) {
      const made = new Client(listener.endpoint)
      clients.push(made)
      return made
    },
  }
}
