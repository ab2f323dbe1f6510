/**
 * From an ordinary Unix socket to a port of a guest. The device reaches the guest over a socket of its own, on which one
 * line comes first, in both directions: CONNECT <port>, and OK <port>. Neither the host's client nor an enclave knows it.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'

export type Hybrid = {
  readonly close: () => Promise<void>
}

const GREETING_BYTES_MAX = 64
const GREETING_MS_MAX = 30_000

/** Listens at `path`; each connection there becomes one to `port` of the guest behind `hybridPath`. */
export async function openHybrid(path: string, hybridPath: string, port: number): Promise<Hybrid> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)))
    // What is wrong with a connection ends it, and the client on our side sees that.
    carry(socket, hybridPath, port).catch(() => socket.destroy())
  })
  server.listen({ path })
  await once(server, 'listening')
  return {
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** A socket to `port` of the guest. Rejects when the guest has no listener there. */
export async function connectHybrid(hybridPath: string, port: number): Promise<Socket> {
  const socket = connect({ path: hybridPath, allowHalfOpen: true })
  try {
    await once(socket, 'connect')
    socket.write(`CONNECT ${port}\n`)
    const greeting = await firstLine(socket)
    if (!greeting.startsWith('OK ')) throw new Error(`expected OK from the guest's port ${port}, got ${greeting}`)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function carry(near: Socket, hybridPath: string, port: number): Promise<void> {
  const far = await connectHybrid(hybridPath, port)
  await Promise.all([pipeline(near, far), pipeline(far, near)])
}

/** Reads byte by byte up to the end of the line: what follows it is the guest's. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((done, fail) => {
    let text = ''
    const timer = setTimeout(() => stop(new Error('the guest did not take the connection in time')), GREETING_MS_MAX)
    const stop = (error?: Error) => {
      clearTimeout(timer)
      socket.off('readable', read).off('close', gone).off('end', gone).off('error', stop)
      if (error === undefined) done(text)
      else fail(error)
    }
    const gone = () => stop(new Error('the guest has no listener there'))
    const read = () => {
      for (let byte = take(socket); byte !== undefined; byte = take(socket)) {
        if (byte === '\n') return stop()
        text += byte
        if (text.length > GREETING_BYTES_MAX) return stop(new Error('expected one short line'))
      }
    }
    // A device that hangs up ends its side alone, since ours may stay half open.
    socket.on('readable', read).once('close', gone).once('end', gone).once('error', stop)
    read()
  })
}

function take(socket: Socket): string | undefined {
  const byte = socket.read(1) as Buffer | null
  return byte === null ? undefined : byte.toString('latin1')
}
