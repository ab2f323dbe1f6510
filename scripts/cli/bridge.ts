/**
 * Bytes between a TCP or Unix socket and a vsock port, for programs whose container forbids the socket family. It reads
 * nothing of what it carries: whoever may connect to it may speak to the enclave, so it listens on loopback unless told.
 */
import { once } from 'node:events'
import { lstatSync, unlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer, isIP, type Server, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { listenVsock } from '../../enclave/shell/native/vsock.ts'
import { parseVsock, vsockText } from '../../enclave/shell/native/vsock-address.ts'
import { connectEndpoint, type EnclaveEndpoint, parseEnclaveEndpoint } from '../../host/enclave-endpoint.ts'
import { type Log, openLog, shownError } from '../../host/log.ts'
import { EXIT_OK } from './answer.ts'
import { firstSignal } from './processes.ts'

export type BridgeWords = {
  readonly listen?: string
  readonly to?: string
  readonly listenHost?: string
  readonly listenPort?: string
  readonly vsockCid?: string
  readonly vsockPort?: string
  readonly listenAnywhere?: boolean
}

export type BridgeOptions = {
  readonly listen: EnclaveEndpoint
  readonly to: EnclaveEndpoint
  readonly log: Log
  readonly connectionsMax?: number
  readonly idleMsMax?: number
}

export type Bridge = {
  /** As given, with the port that was taken. */
  readonly endpoint: string
  readonly connectionCount: () => number
  /** Stops listening and cuts every connection. */
  readonly close: () => Promise<void>
}

/** As many as an enclave takes. */
export const BRIDGE_CONNECTIONS_MAX = 64
/** Longer than an enclave waits for a request, so that the enclave says why. */
export const BRIDGE_IDLE_MS_MAX = 660_000
const CONNECT_MS_MAX = 5_000
const PROBE_MS_MAX = 1_000
const OWNER_ONLY_UMASK = 0o177
const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_PORT = '5001'
const DEFAULT_VSOCK_PORT = '5000'
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|\[::1\]|localhost)$/

/** Carries bytes until a signal. Refuses CONFIG_INVALID, PORT_BUSY, VSOCK_UNAVAILABLE. */
export async function runBridge(words: BridgeWords): Promise<number> {
  const log = openLog({ level: 'info', name: 'bridge' })
  const bridge = await openBridge({ ...endpointsOf(words), log })
  // Asked before it is told: who reads that line may send the signal at once.
  const ended = firstSignal()
  log.info({ listen: bridge.endpoint, pid: process.pid }, 'listening')
  const signal = await ended
  log.info({ signal }, 'stopping')
  await bridge.close()
  return EXIT_OK
}

/** Both ends, from --listen and --to or from the four options of the replaced bridge. Refuses CONFIG_INVALID. */
export function endpointsOf(words: BridgeWords): Pick<BridgeOptions, 'listen' | 'to'> {
  const listen = listenOf(
    words.listen ?? `tcp://${words.listenHost ?? DEFAULT_HOST}:${words.listenPort ?? DEFAULT_PORT}`,
  )
  if (words.to === undefined && words.vsockCid === undefined)
    throw new CodedError('CONFIG_INVALID', 'expected --to vsock://cid:port, or --vsock-cid, got neither')
  const to = parseEnclaveEndpoint(
    words.to ?? `vsock://${words.vsockCid}:${words.vsockPort ?? DEFAULT_VSOCK_PORT}`,
    '--to',
  )
  if (listen.kind !== 'vsock' && to.kind !== 'vsock')
    throw new CodedError('CONFIG_INVALID', 'expected vsock at one end of the bridge, got it at neither')
  if (listen.kind === 'tcp' && !LOOPBACK.test(listen.host) && words.listenAnywhere !== true) {
    const what = `expected a loopback address, got ${listen.host}; with --listen-anywhere`
    throw new CodedError('CONFIG_INVALID', `${what} whoever reaches that address speaks to the enclave`)
  }
  return { listen, to }
}

function listenOf(text: string): EnclaveEndpoint {
  const vsock = parseVsock(text)
  return vsock === undefined ? parseEnclaveEndpoint(text, '--listen') : { kind: 'vsock', ...vsock }
}

/** Listens, and connects each connection to `to`. Refuses CONFIG_INVALID, PORT_BUSY, VSOCK_UNAVAILABLE. */
export async function openBridge(options: BridgeOptions): Promise<Bridge> {
  const { listen, log, connectionsMax = BRIDGE_CONNECTIONS_MAX } = options
  const open = new Set<Socket>()
  let number = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    open.add(near.once('close', () => open.delete(near)))
    void carry(near, options, log.child({ connection: ++number }))
  })
  server.maxConnections = connectionsMax
  server.on('drop', () => log.warn({ connectionsMax }, 'a connection too many is cut'))
  const endpoint = await bind(server, listen)
  server.on('error', (error) => log.error(shownError(error), 'cannot accept'))
  return {
    endpoint,
    connectionCount: () => open.size,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

/** Never rejects: whatever ends one connection is that connection's affair. */
async function carry(near: Socket, { to, idleMsMax = BRIDGE_IDLE_MS_MAX }: BridgeOptions, log: Log): Promise<void> {
  near.on('error', () => near.destroy())
  try {
    const far = await connectEndpoint(to, CONNECT_MS_MAX, { allowHalfOpen: true })
    far.setNoDelay(true)
    log.info({}, 'connected')
    // What moves on one side moves on the other, so that one clock watches both.
    near.setTimeout(idleMsMax, () => near.destroy(new Error(`nothing moved for ${idleMsMax} ms`)))
    near.once('close', () => far.destroy())
    await Promise.all([pipeline(near, far), pipeline(far, near)])
    log.info({ sentBytes: near.bytesRead, receivedBytes: near.bytesWritten }, 'ended')
  } catch (error) {
    log.warn(shownError(error), 'cut')
  } finally {
    near.destroy()
  }
}

async function bind(server: Server, listen: EnclaveEndpoint): Promise<string> {
  if (listen.kind === 'vsock') return vsockText(await listenVsock(server, listen))
  if (listen.kind === 'unix') await removeStale(listen.path)
  await listening(server, listen)
  if (listen.kind === 'unix') return `unix://${listen.path}`
  const { port } = server.address() as AddressInfo
  return `tcp://${isIP(listen.host) === 6 ? `[${listen.host}]` : listen.host}:${port}`
}

async function listening(server: Server, listen: Exclude<EnclaveEndpoint, { kind: 'vsock' }>): Promise<void> {
  const up = once(server, 'listening')
  // The file is made inside listen(): under this mask it is its owner's alone from its first moment on.
  const mask = process.umask(OWNER_ONLY_UMASK)
  try {
    server.listen(listen.kind === 'unix' ? { path: listen.path } : { host: listen.host, port: listen.port })
  } finally {
    process.umask(mask)
  }
  try {
    await up
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const known = code === 'EADDRINUSE' ? 'PORT_BUSY' : 'CONFIG_INVALID'
    throw new CodedError(known, `expected an endpoint that can be bound, got ${message}`, { cause })
  }
}

/** A crash leaves the socket file behind. It goes only when it is a socket and nobody answers on it. */
async function removeStale(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return
  const probe = connect({ path })
  probe.setTimeout(PROBE_MS_MAX, () => probe.destroy())
  try {
    await once(probe, 'connect')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') unlinkSync(path)
  } finally {
    probe.destroy()
  }
}
