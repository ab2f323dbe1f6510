/** Stands on the socket between whoever calls and an enclave, passes every byte on, and counts the calls by method. */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { decodeMessage, FrameReader } from '../../enclave/protocol/frame.ts'

export type Recorder = {
  readonly endpoint: string
  /** Calls of this method that went by. */
  calls(method: string): number
  close(): Promise<void>
}

const UNIX = 'unix://'

export async function recordCalls(endpoint: string): Promise<Recorder> {
  const path = `${endpoint.slice(UNIX.length)}.recorded`
  const counts = new Map<string, number>()
  const sockets = new Set<Socket>()
  const server = createServer((caller) => {
    const enclave = connect(endpoint.slice(UNIX.length))
    const reader = new FrameReader()
    caller.on('data', (chunk) => {
      for (const payload of reader.push(chunk)) note(counts, payload)
    })
    caller.pipe(enclave).pipe(caller)
    for (const [socket, other] of [
      [caller, enclave],
      [enclave, caller],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => other.destroy())
    }
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    endpoint: `${UNIX}${path}`,
    calls: (method) => counts.get(method) ?? 0,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
      rmSync(path, { force: true })
    },
  }
}

function note(counts: Map<string, number>, payload: Uint8Array): void {
  const { method } = decodeMessage(payload).message
  counts.set(String(method), (counts.get(String(method)) ?? 0) + 1)
}
