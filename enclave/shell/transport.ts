/**
 * Frames in, frames out, for many clients of which any may be hostile (threat S7): one that is silent, slow, greedy or
 * deaf costs a bounded amount of memory for a bounded time, and delays no other by more than one request.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { CodedError } from '../protocol/errors.ts'
import { Connection, type ConnectionFacts, type Handle } from './connection.ts'
import { bind, type Endpoint, parseEndpoint } from './endpoint.ts'
import { TRANSPORT_LIMITS, type TransportLimits } from './limits.ts'
import { vsockPeers } from './native/vsock.ts'
import { CID_PARENT } from './native/vsock-address.ts'
import { Turns } from './turns.ts'

export type { ConnectionFacts, Handle }

export type Listener = {
  /** As given, with the port that was taken. */
  readonly endpoint: string
  /** Connections now. */
  readonly connectionCount: () => number
  /** Bytes held for all clients now. */
  readonly bufferedBytes: () => number
  /** Stops listening, cuts all clients and waits for the request that is being handled. */
  readonly close: () => Promise<void>
}

/**
 * Listens at unix:///path, tcp://host:port or vsock://cid:port and gives whole requests to `handle`, one at a time over
 * all connections. At a vsock port only the machine `peerCid` is let in: other enclaves of the same parent are strangers.
 * Refuses CONFIG_INVALID (an endpoint of another form, or one that cannot be bound), PORT_BUSY and VSOCK_UNAVAILABLE.
 */
export async function listen(
  endpoint: string,
  handle: Handle,
  limits: Partial<TransportLimits> = {},
  peerCid: number = CID_PARENT,
): Promise<Listener> {
  const parsed = parseEndpoint(endpoint)
  const admits = await doorOf(parsed, peerCid)
  const hall = new Hall(handle, { ...TRANSPORT_LIMITS, ...limits })
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    if (admits(socket)) hall.enter(socket)
    else socket.destroy()
  })
  const bound = await bind(server, parsed)
  // Running out of descriptors is the host's doing: the clients that are in go on being served.
  server.on('error', () => undefined)
  return {
    endpoint: bound,
    connectionCount: () => hall.count,
    bufferedBytes: () => hall.bufferedBytes,
    close: () => close(server, hall),
  }
}

/** Who may enter. A connection that has ended before it could be asked is nobody's, and is not let in. */
async function doorOf({ kind }: Endpoint, peerCid: number): Promise<(socket: Socket) => boolean> {
  if (kind !== 'vsock') return () => true
  const peerOf = await vsockPeers()
  return (socket) => peerOf(socket)?.cid === peerCid
}

async function close(server: Server, hall: Hall): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  hall.clear()
  await closed
  await hall.idle()
}

/** All clients, and the limits that hold for them together. */
class Hall {
  readonly #connections = new Set<Connection>()
  readonly #turns = new Turns()
  readonly #handle: Handle
  readonly #limits: TransportLimits
  #nextId = 1

  constructor(handle: Handle, limits: TransportLimits) {
    this.#handle = handle
    this.#limits = limits
  }

  get count(): number {
    return this.#connections.size
  }

  get bufferedBytes(): number {
    let total = 0
    for (const connection of this.#connections) total += connection.bufferedBytes
    return total
  }

  enter(socket: Socket): void {
    const full = this.#connections.size >= this.#limits.connectionsMax
    const evicted = full ? this.#leastUseful() : undefined
    const connection = new Connection(this.#nextId++, socket, this.#handle, this.#limits, {
      ready: (ready) => this.#turns.add(ready),
      closed: (gone) => this.#connections.delete(gone),
      grown: () => this.#relieve(),
    })
    this.#connections.add(connection)
    if (!full) return
    if (evicted === undefined) connection.refuse(this.#tooMany())
    else evicted.destroy()
  }

  clear(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  idle(): Promise<void> {
    return this.#turns.idle()
  }

  #tooMany(): CodedError {
    return new CodedError(
      'CONNECTION_LIMIT',
      `expected at most ${this.#limits.connectionsMax} connections at work, got one more`,
    )
  }

  /**
   * The connection to give up for a new one: of those that are owed nothing, one that never sent a request, and then the
   * one that has waited longest. So silent connections do not keep an honest client out.
   */
  #leastUseful(): Connection | undefined {
    let worst: Connection | undefined
    for (const connection of this.#connections) {
      if (connection.waitingSinceMs === undefined) continue
      if (worst === undefined || isLessUseful(connection, worst)) worst = connection
    }
    return worst
  }

  /** Over the limit in sum, the one that holds most gives way: an honest client holds one request at a time. */
  #relieve(): void {
    if (this.bufferedBytes <= this.#limits.bufferedBytesMax) return
    const [first, ...others] = this.#connections
    if (first === undefined) return
    const most = others.reduce((held, next) => (next.bufferedBytes > held.bufferedBytes ? next : held), first)
    most.destroy()
  }
}

function isLessUseful(left: Connection, right: Connection): boolean {
  if (left.proven !== right.proven) return !left.proven
  return (left.waitingSinceMs ?? 0) < (right.waitingSinceMs ?? 0)
}
