/** Where the enclave is, as the host writes it, and how a connection to it comes up. */
import { connect, type Socket } from 'node:net'
import { CodedError } from '../enclave/protocol/errors.ts'
import { connectVsock } from '../enclave/shell/native/vsock.ts'
import { CID_ANY, parseVsock, type VsockAddress } from '../enclave/shell/native/vsock-address.ts'

export type EnclaveEndpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | ({ readonly kind: 'vsock' } & VsockAddress)

/** The socket library throws on a larger one, and without a code. */
const PORT_MAX = 65_535

/** Reads unix:///path, tcp://host:port and vsock://cid:port; undefined for anything else. */
export function readEnclaveEndpoint(text: string): EnclaveEndpoint | undefined {
  const unix = /^unix:\/\/(\/.+)$/.exec(text)
  if (unix?.[1] !== undefined) return { kind: 'unix', path: unix[1] }
  const vsock = parseVsock(text)
  // "any" is a place to listen, not one to call.
  if (vsock !== undefined) return vsock.cid === CID_ANY ? undefined : { kind: 'vsock', ...vsock }
  const tcp = /^tcp:\/\/([^/]+):(\d+)$/.exec(text)
  const port = Number.parseInt(tcp?.[2] ?? '', 10)
  return tcp?.[1] !== undefined && port <= PORT_MAX ? { kind: 'tcp', host: tcp[1], port } : undefined
}

/** As readEnclaveEndpoint, but refuses CONFIG_INVALID. `field` is the setting that holds it. */
export function parseEnclaveEndpoint(text: string, field: string): EnclaveEndpoint {
  const endpoint = readEnclaveEndpoint(text)
  if (endpoint !== undefined) return endpoint
  const expected = 'unix:///path, tcp://host:port or vsock://cid:port'
  throw new CodedError('CONFIG_INVALID', `${field}: expected ${expected}, got ${text}`)
}

/**
 * A connected socket, or a rejection within `timeoutMs`: the kernel's own error for a Unix socket and TCP, for vsock
 * VSOCK_CONNECT or VSOCK_UNAVAILABLE. The caller listens for its errors and its end from then on.
 */
export function connectEndpoint(
  endpoint: EnclaveEndpoint,
  timeoutMs: number,
  options: { readonly allowHalfOpen?: boolean } = {},
): Promise<Socket> {
  if (endpoint.kind === 'vsock') return connectVsock({ cid: endpoint.cid, port: endpoint.port, timeoutMs, ...options })
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const place = endpoint.kind === 'unix' ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port }
  const socket = connect({ ...place, ...options })
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('connecting took too long')))
  socket.once('error', reject)
  socket.once('connect', () => {
    socket.setTimeout(0)
    socket.removeAllListeners('timeout')
    socket.off('error', reject)
    resolve(socket)
  })
  return promise
}
