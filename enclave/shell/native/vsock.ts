/** AF_VSOCK as ordinary servers and sockets: between an enclave and the machine that it runs on there is nothing else. */
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { CodedError } from '../../protocol/errors.ts'
import { errorName, loadAddon } from './addon.ts'
import { unavailable } from './build.ts'
import { openPipes, type SocketOptions } from './pipe-handle.ts'
import { CID_ANY, PORT_ANY, type VsockAddress, vsockText } from './vsock-address.ts'

const DEVICE = '/dev/vsock'
const BACKLOG = 128
const ADDRESS_WORDS = 2
const TIMEOUT_MS = 5_000

export type VsockTarget = VsockAddress & SocketOptions & { readonly timeoutMs?: number }

/**
 * Connects to `port` of the machine `cid` within `timeoutMs`. The socket is like one of node:net's connect(). Refuses VSOCK_UNAVAILABLE and VSOCK_CONNECT (nobody listens, or too late).
 */
export async function connectVsock({ cid, port, timeoutMs = TIMEOUT_MS, ...options }: VsockTarget): Promise<Socket> {
  const addon = await loadAddon()
  const pipes = await openPipes()
  const answer = await new Promise<number>((done) => {
    const begun = addon.vsockConnect(cid, port, timeoutMs, done)
    if (begun < 0) done(begun)
  })
  if (answer >= 0) return pipes.socket(answer, options)
  refuseFamily(answer)
  throw new CodedError('VSOCK_CONNECT', `expected a listener at ${vsockText({ cid, port })}, got ${errorName(answer)}`)
}

/**
 * Lets `server` listen at `port` of `cid`, CID_ANY for every CID of this machine; port 0 takes a free one. Returns the
 * address that was taken. Refuses VSOCK_UNAVAILABLE, PORT_BUSY, CONFIG_INVALID (a CID that is not ours).
 */
export async function listenVsock(server: Server, { cid, port }: VsockAddress): Promise<VsockAddress> {
  const addon = await loadAddon()
  const pipes = await openPipes()
  const descriptor = addon.vsockListen(cid, port === 0 ? PORT_ANY : port, BACKLOG)
  if (descriptor < 0) throw listenRefusal({ cid, port }, descriptor)
  const taken = addressOf((out) => addon.vsockOwn(descriptor, out))
  const up = once(server, 'listening')
  pipes.listen(server, descriptor, BACKLOG)
  await up
  return { cid, port: taken?.port ?? port }
}

/**
 * Who is at the other end of an accepted connection. The kernel says so, not the peer. Undefined when the connection has
 * ended, or is none of AF_VSOCK. Only after listenVsock or connectVsock: they load what is asked here.
 */
export function vsockPeers(): Promise<(socket: Socket) => VsockAddress | undefined> {
  return Promise.all([loadAddon(), openPipes()]).then(([addon, pipes]) => (socket) => {
    const descriptor = pipes.descriptorOf(socket)
    return descriptor === undefined ? undefined : addressOf((out) => addon.vsockPeer(descriptor, out))
  })
}

/** The CID of this machine. Refuses VSOCK_UNAVAILABLE. */
export async function localCid(): Promise<number> {
  const addon = await loadAddon()
  const device = openDevice()
  try {
    const answer = addon.vsockLocalCid(device)
    if (answer < 0) throw unavailable(`expected the CID of this machine from ${DEVICE}, got ${errorName(answer)}`)
    return answer
  } finally {
    closeSync(device)
  }
}

function openDevice(): number {
  try {
    return openSync(DEVICE, 'r')
  } catch (cause) {
    throw unavailable(`expected to open ${DEVICE}, got ${(cause as NodeJS.ErrnoException).code}`, cause)
  }
}

function addressOf(read: (out: Uint8Array) => number): VsockAddress | undefined {
  const words = new Uint32Array(ADDRESS_WORDS)
  if (read(new Uint8Array(words.buffer)) < 0) return undefined
  const [cid = CID_ANY, port = PORT_ANY] = words
  return { cid, port }
}

function listenRefusal(address: VsockAddress, answer: number): CodedError {
  refuseFamily(answer)
  const name = errorName(answer)
  const code = name === 'EADDRINUSE' ? 'PORT_BUSY' : 'CONFIG_INVALID'
  return new CodedError(code, `expected to listen at ${vsockText(address)}, got ${name}`)
}

/** A kernel without the socket family, or a container that forbids it. */
function refuseFamily(answer: number): void {
  const name = errorName(answer)
  if (name === 'EAFNOSUPPORT' || name === 'EPROTONOSUPPORT' || name === 'EPERM' || name === 'EACCES')
    throw unavailable(`expected a kernel that gives AF_VSOCK sockets to this process, got ${name}`)
}
