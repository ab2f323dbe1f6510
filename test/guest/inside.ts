/**
 * Runs inside the guest, where the kernel has loopback (CID 1): both ends of AF_VSOCK are ours and the kernel's own. Says one
 * line of JSON for each claim; test/guest/vsock.test.ts knows the claims and judges them.
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { encodeFrame, encodeMessage, FrameReader } from '../../enclave/protocol/frame.ts'
import { loadAddon } from '../../enclave/shell/native/addon.ts'
import { setKernelClock } from '../../enclave/shell/native/kernel-clock.ts'
import { openNsmDevice } from '../../enclave/shell/native/nsm-device.ts'
import { connectVsock, listenVsock, localCid, vsockPeers } from '../../enclave/shell/native/vsock.ts'
import { CID_ANY, CID_LOCAL, CID_PARENT } from '../../enclave/shell/native/vsock-address.ts'
import { listen } from '../../enclave/shell/transport.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'

type Claim = readonly [name: string, holds: () => Promise<unknown>]

const BULK_BYTES = 4 * 1024 * 1024
const TIMEOUT_MS = 20_000

async function connected(peerCid: number, talk: (socket: Socket) => Promise<void>): Promise<void> {
  const listener = await listen('vsock://any:0', async (request) => request, {}, peerCid)
  const port = Number(listener.endpoint.split(':').at(-1))
  const socket = await connectVsock({ cid: CID_LOCAL, port, timeoutMs: TIMEOUT_MS })
  try {
    await talk(socket)
  } finally {
    socket.destroy()
    await listener.close()
  }
}

/** The answer to one frame, or undefined when the connection ends without one. */
function answer(socket: Socket, request: Uint8Array): Promise<Uint8Array | undefined> {
  const reader = new FrameReader()
  return new Promise((done) => {
    socket.on('data', (chunk: Uint8Array) => reader.push(chunk).forEach(done))
    socket.on('close', () => done(undefined))
    socket.on('error', () => done(undefined))
    socket.write(encodeFrame(request))
  })
}

async function code(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
  } catch (error) {
    return isCoded(error) ? `${error.code} ${error.message}` : String(error)
  }
  return 'nothing was refused'
}

function expect(holds: boolean, got: unknown): void {
  if (!holds) throw new Error(`got ${JSON.stringify(got)}`)
}

const CLAIMS: readonly Claim[] = [
  ['the cid', async () => expect((await localCid()) === 16, await localCid())],
  [
    'a frame',
    () =>
      connected(CID_LOCAL, async (socket) => {
        const got = await answer(socket, Buffer.from('{"a":1}'))
        expect(got !== undefined && Buffer.from(got).toString() === '{"a":1}', got)
      }),
  ],
  [
    'the client of a host',
    async () => {
      const refusal = encodeMessage({ error: { code: 'PHASE_FORBIDS', message: 'not now' } }, 'cbor')
      const listener = await listen('vsock://any:0', async () => refusal, {}, CID_LOCAL)
      const client = openEnclaveClient(listener.endpoint.replace('any', String(CID_LOCAL)))
      const got = await code(client.call('generate', {}))
      await listener.close()
      // The enclave has gone: the host is told so, and not left waiting.
      const after = await code(client.call('generate', {}))
      client.close()
      expect(got === 'PHASE_FORBIDS not now' && after.startsWith('ENCLAVE_GONE'), { got, after })
    },
  ],
  [
    'a large frame',
    () =>
      connected(CID_LOCAL, async (socket) => {
        const sent = Buffer.alloc(BULK_BYTES, 7)
        const got = await answer(socket, sent)
        expect(got !== undefined && sent.equals(got), got?.length)
      }),
  ],
  [
    'a stranger',
    () =>
      connected(CID_PARENT, async (socket) => {
        const got = await answer(socket, Buffer.from('{"a":1}'))
        expect(got === undefined && socket.bytesRead === 0, socket.bytesRead)
      }),
  ],
  [
    'peers',
    async () => {
      const peerOf = await vsockPeers()
      const server = createServer()
      const { port } = await listenVsock(server, { cid: CID_ANY, port: 0 })
      const accepted = once(server, 'connection') as Promise<[Socket]>
      const client = await connectVsock({ cid: CID_LOCAL, port })
      const [socket] = await accepted
      const [near, far] = [peerOf(client), peerOf(socket)]
      client.destroy()
      socket.destroy()
      server.close()
      expect(near?.cid === CID_LOCAL && near.port === port && far?.cid === CID_LOCAL && far.port !== port, {
        near,
        far,
      })
    },
  ],
  [
    'half close',
    async () => {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        let heard = 0
        socket.on('data', (chunk: Uint8Array) => (heard += chunk.length))
        socket.on('end', () => socket.end(`heard ${heard}`))
      })
      const { port } = await listenVsock(server, { cid: CID_LOCAL, port: 0 })
      const client = await connectVsock({ cid: CID_LOCAL, port, allowHalfOpen: true })
      client.setEncoding('utf8').end('12345')
      const [text] = (await once(client, 'data')) as [string]
      client.destroy()
      server.close()
      expect(text === 'heard 5', text)
    },
  ],
  [
    'nobody listens',
    async () => {
      const got = await code(connectVsock({ cid: CID_LOCAL, port: 4_999 }))
      expect(got.startsWith('VSOCK_CONNECT') && got.includes('ECONNRESET'), got)
    },
  ],
  [
    'nobody answers',
    async () => {
      // A queue that is full: the kernel neither takes nor refuses, and only our own clock ends the wait.
      const addon = await loadAddon()
      const descriptor = addon.vsockListen(CID_LOCAL, 4_998, 1)
      expect(descriptor >= 0, descriptor)
      const attempts = Array.from({ length: 8 }, () =>
        code(connectVsock({ cid: CID_LOCAL, port: 4_998, timeoutMs: 200 })),
      )
      const got = await Promise.all(attempts)
      addon.closeDescriptor(descriptor)
      expect(
        got.some((text) => text.startsWith('VSOCK_CONNECT')),
        got,
      )
    },
  ],
  [
    'a taken port',
    async () => {
      const server = createServer()
      const { port } = await listenVsock(server, { cid: CID_ANY, port: 0 })
      const got = await code(listenVsock(createServer(), { cid: CID_ANY, port }))
      server.close()
      expect(got.startsWith('PORT_BUSY'), got)
    },
  ],
  ['no nsm', async () => expect((await code(openNsmDevice())).startsWith('NSM_FAILED'), await code(openNsmDevice()))],
  [
    'the clock',
    async () => {
      const wantedMs = 1_900_000_000_123
      await setKernelClock(wantedMs)
      const nowMs = Date.now()
      expect(nowMs >= wantedMs && nowMs < wantedMs + TIMEOUT_MS, nowMs)
    },
  ],
]

for (const [name, holds] of CLAIMS) {
  const failure = await Promise.race([
    holds().then(
      () => undefined,
      (error: unknown) => String(error),
    ),
    new Promise<string>((late) => setTimeout(() => late('no end in time'), TIMEOUT_MS).unref()),
  ])
  process.stdout.write(`${JSON.stringify({ claim: name, failure: failure ?? null })}\n`)
}
process.stdout.write('inside: all said\n')
process.exit(0)
