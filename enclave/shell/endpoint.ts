/** Where the enclave listens: a vsock port, or in development a Unix socket, the host's only door then, or a TCP port. */
import { lstatSync, unlinkSync } from 'node:fs'
import { type AddressInfo, connect, type Server } from 'node:net'
import { CodedError } from '../protocol/errors.ts'
import { listenVsock } from './native/vsock.ts'
import { parseVsock, type VsockAddress, vsockText } from './native/vsock-address.ts'

export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | ({ readonly kind: 'vsock' } & VsockAddress)

/** The kernel's limit on the path of a Unix socket, its closing zero byte included. */
const SOCKET_PATH_BYTES_MAX = 107
const OWNER_ONLY_UMASK = 0o177
const PROBE_TIMEOUT_MS = 1_000
const TCP_FORM = /^tcp:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^[\]:/]+)):([0-9]{1,5})$/
const PORT_MAX = 65_535

/** Reads unix:///path, tcp://host:port and vsock://cid|any:port; port 0 takes a free one. Refuses CONFIG_INVALID. */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:///')) return unixEndpoint(text.slice('unix://'.length))
  const vsock = parseVsock(text)
  if (vsock !== undefined) return { kind: 'vsock', ...vsock }
  const tcp = TCP_FORM.exec(text)
  const port = Number.parseInt(tcp?.[3] ?? '', 10)
  if (tcp === null || port > PORT_MAX) {
    const expected = 'unix:///path, tcp://host:port or vsock://cid:port'
    throw new CodedError('CONFIG_INVALID', `expected an endpoint ${expected}, got ${text}`)
  }
  return { kind: 'tcp', host: tcp[1] ?? tcp[2] ?? '', port }
}

/**
 * Binds and listens. Returns the endpoint as text, with the port that was taken. Refuses CONFIG_INVALID, PORT_BUSY,
 * VSOCK_UNAVAILABLE.
 */
export async function bind(server: Server, endpoint: Endpoint): Promise<string> {
  if (endpoint.kind === 'vsock') return vsockText(await listenVsock(server, endpoint))
  if (endpoint.kind === 'tcp') return bindTcp(server, endpoint.host, endpoint.port)
  await removeStaleSocket(endpoint.path)
  await listening(server, () => listenPrivately(server, endpoint.path))
  return `unix://${endpoint.path}`
}

function unixEndpoint(path: string): Endpoint {
  const size = Buffer.byteLength(path)
  if (size > SOCKET_PATH_BYTES_MAX) {
    throw new CodedError(
      'CONFIG_INVALID',
      `expected a socket path of at most ${SOCKET_PATH_BYTES_MAX} bytes, got ${size}: ${path}`,
    )
  }
  return { kind: 'unix', path }
}

async function bindTcp(server: Server, host: string, port: number): Promise<string> {
  await listening(server, () => server.listen({ host, port }))
  const taken = (server.address() as AddressInfo).port
  return `tcp://${host.includes(':') ? `[${host}]` : host}:${taken}`
}

/** The file is made by bind(2), inside listen(): under this mask it has mode 0600 from its first moment on. */
function listenPrivately(server: Server, path: string): void {
  const mask = process.umask(OWNER_ONLY_UMASK)
  try {
    server.listen({ path })
  } finally {
    process.umask(mask)
  }
}

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => reject(bindRefusal(cause))
    server.once('error', fail)
    server.once('listening', () => {
      server.off('error', fail)
      resolve()
    })
    start()
  })
}

function bindRefusal(cause: NodeJS.ErrnoException): CodedError {
  const code = cause.code === 'EADDRINUSE' ? 'PORT_BUSY' : 'CONFIG_INVALID'
  return new CodedError(code, `expected an endpoint that can be bound, got ${cause.message}`, { cause })
}

/** A crash leaves the socket file behind. It is removed only when it is a socket and nobody answers on it. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket())
    throw new CodedError('CONFIG_INVALID', `expected a socket or nothing at ${path}, got another kind of file`)
  if (await answers(path)) throw new CodedError('PORT_BUSY', `expected a free socket, got one that answers at ${path}`)
  unlinkSync(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    const done = (answer: boolean): void => {
      probe.destroy()
      resolve(answer)
    }
    // A listener whose queue is full neither accepts nor refuses: it is alive.
    probe.setTimeout(PROBE_TIMEOUT_MS, () => done(true))
    probe.once('connect', () => done(true))
    probe.once('error', (error: NodeJS.ErrnoException) =>
      done(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
}
