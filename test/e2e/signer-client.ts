/**
 * A client as that of the replaced signer: a connection for each request, four bytes of length, JSON, one reply, closed. It
 * shares no code with ours. Numbers go as Python writes them: integers of any size, bare.
 */
import { connect } from 'node:net'

export type SignerReply = {
  readonly result?: { readonly [name: string]: string }
  readonly error?: { readonly message: string; readonly code?: string }
}

const CALL_MS_MAX = 60_000

/** `endpoint` is tcp://host:port or unix:///path. */
export function ask(endpoint: string, method: string, params: object = {}): Promise<SignerReply> {
  return exchange(endpoint, [framed(JSON.stringify({ method, params }, bare))]).then(([reply]) => reply as SignerReply)
}

/** All frames on one connection, one reply awaited for each. */
export function exchange(endpoint: string, frames: readonly Uint8Array[]): Promise<SignerReply[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(placeOf(endpoint))
    const replies: SignerReply[] = []
    let held = Buffer.alloc(0)
    socket.setTimeout(CALL_MS_MAX, () => socket.destroy(new Error('the signer did not answer')))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`closed after ${replies.length} of ${frames.length} replies`)))
    socket.on('connect', () => {
      for (const frame of frames) socket.write(frame)
    })
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk])
      while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
        const end = 4 + held.readUInt32BE(0)
        replies.push(JSON.parse(held.subarray(4, end).toString('utf8')))
        held = held.subarray(end)
      }
      if (replies.length < frames.length) return
      resolve(replies)
      socket.destroy()
    })
  })
}

export function framed(text: string): Uint8Array {
  const body = Buffer.from(text, 'utf8')
  const head = Buffer.alloc(4)
  head.writeUInt32BE(body.length)
  return Buffer.concat([head, body])
}

type RawJson = { readonly rawJSON: (text: string) => unknown }

function bare(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? (JSON as unknown as RawJson).rawJSON(value.toString()) : value
}

function placeOf(endpoint: string): { path: string } | { host: string; port: number } {
  const [, path] = /^unix:\/\/(\/.+)$/.exec(endpoint) ?? []
  if (path !== undefined) return { path }
  const [, host = '', port = ''] = /^tcp:\/\/(.+):([0-9]+)$/.exec(endpoint) ?? []
  return { host, port: Number.parseInt(port, 10) }
}
