/**
 * How Node is given a descriptor of AF_VSOCK. It refuses one outright (`new Socket({ fd })` looks at the family), but a
 * `Pipe`, its handle for Unix sockets, opens any stream socket and reads and writes it like its own. None of that is
 * documented, so it is tried end to end on a Unix socket before the first real one: a Node that changed it is refused.
 */
import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { type Addon, errorName, loadAddon } from './addon.ts'
import { unavailable } from './build.ts'

type PipeHandle = { open(descriptor: number): number; close(): void; readonly fd: number }
type PipeClass = new (kind: number) => PipeHandle
type WithHandle = { _handle?: PipeHandle | null }
type Listening = WithHandle & { _listen2?: (address: null, port: null, addressType: number, backlog: number) => void }

/** Node's own PipeConstants. */
const KIND_SOCKET = 0
const KIND_SERVER = 1
const NO_ADDRESS_TYPE = -1
const TRIAL_MS_MAX = 5_000
const TRIAL_WORD = 'vsock'

export type SocketOptions = {
  /** As in node:net: whether our side stays open when the other has ended its own. */
  readonly allowHalfOpen?: boolean
}

export type Pipes = {
  /** A connected descriptor as a socket, which closes it. */
  readonly socket: (descriptor: number, options?: SocketOptions) => Socket
  /** Lets `server` accept at a listening descriptor, and close it. */
  readonly listen: (server: Server, descriptor: number, backlog: number) => void
  /** The descriptor under a socket; undefined once it is closed. */
  readonly descriptorOf: (socket: Socket) => number | undefined
}

let tried: Promise<Pipes> | undefined

/** Tried on the first call. Refuses VSOCK_UNAVAILABLE when this Node does not do it; a later call tries again. */
export function openPipes(): Promise<Pipes> {
  tried ??= loadAddon()
    .then((addon) => tryPipes(addon))
    .catch((error: unknown) => {
      tried = undefined
      throw error
    })
  return tried
}

/** Bytes go through a server and a client, each made of a bare descriptor. Refuses VSOCK_UNAVAILABLE. */
export async function tryPipes(addon: Addon): Promise<Pipes> {
  try {
    const pipes = pipesOf(addon, findPipeClass(addon))
    await echo(addon, pipes)
    return pipes
  } catch (cause) {
    const { message } = cause as Error
    throw unavailable(`expected Node ${process.version} to take over a descriptor, got ${message}`, cause)
  }
}

function pipesOf(addon: Addon, Pipe: PipeClass): Pipes {
  const take = (kind: number, descriptor: number): PipeHandle => {
    const handle = new Pipe(kind)
    const failed = handle.open(descriptor)
    if (failed === 0) return handle
    handle.close()
    addon.closeDescriptor(descriptor)
    throw unavailable(`expected a pipe to take the descriptor, got ${errorName(failed)}`)
  }
  return {
    socket: (descriptor, options) => socketOf(take(KIND_SOCKET, descriptor), options),
    listen: (server, descriptor, backlog) => adopt(server, take(KIND_SERVER, descriptor), backlog),
    descriptorOf: (socket) => {
      const descriptor = (socket as unknown as WithHandle)._handle?.fd
      return descriptor === undefined || descriptor < 0 ? undefined : descriptor
    },
  }
}

function socketOf(handle: PipeHandle, { allowHalfOpen = false }: SocketOptions = {}): Socket {
  const options = { handle, readable: true, writable: true, allowHalfOpen }
  return new Socket(options as ConstructorParameters<typeof Socket>[0])
}

// What listen() itself does once it has a handle; it makes one for TCP and Unix sockets only.
function adopt(server: Server, handle: PipeHandle, backlog: number): void {
  const listening = server as unknown as Listening
  listening._handle = handle
  if (listening._listen2 === undefined) throw unavailable('expected a server that can be given its handle')
  listening._listen2(null, null, NO_ADDRESS_TYPE, backlog)
}

/** A connected Unix socket is the one descriptor that Node documents to take, and it takes it by a Pipe. */
function findPipeClass(addon: Addon): PipeClass {
  const listener = descriptorOr(addon.trialListener())
  try {
    const probe = new Socket({ fd: descriptorOr(addon.trialConnect(listener)) })
    const found = (probe as unknown as WithHandle)._handle?.constructor as PipeClass | undefined
    probe.destroy()
    const has = (name: string) => typeof found?.prototype[name] === 'function'
    if (found?.name === 'Pipe' && has('open') && has('listen') && has('close')) return found
  } finally {
    addon.closeDescriptor(listener)
  }
  throw unavailable('expected the handle of a Unix socket to be a Pipe')
}

async function echo(addon: Addon, pipes: Pipes): Promise<void> {
  const signal = AbortSignal.timeout(TRIAL_MS_MAX)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    if (pipes.descriptorOf(socket) === undefined) socket.destroy()
    else socket.pipe(socket)
  })
  const listener = descriptorOr(addon.trialListener())
  const up = once(server, 'listening', { signal })
  pipes.listen(server, listener, 1)
  try {
    await up
    await hearBack(pipes.socket(descriptorOr(addon.trialConnect(listener))), signal)
  } finally {
    server.close()
  }
}

async function hearBack(client: Socket, signal: AbortSignal): Promise<void> {
  try {
    client.setEncoding('utf8').end(TRIAL_WORD)
    const [heard] = (await once(client, 'data', { signal })) as [string]
    if (heard !== TRIAL_WORD) throw unavailable(`expected "${TRIAL_WORD}" back, got ${heard.length} characters`)
    await once(client, 'end', { signal })
  } finally {
    client.destroy()
  }
}

function descriptorOr(answer: number): number {
  if (answer < 0) throw unavailable(`expected a Unix socket, got ${errorName(answer)}`)
  return answer
}
