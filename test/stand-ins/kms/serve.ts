/** Servers of a test's own inside its process, for answers that the stand-in would never give. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer as createPlainServer, type Server as PlainServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { kmsHost } from '../../../enclave/shell/kms-tls.ts'
import { issueServer, type ServerIdentity } from './certificates.ts'
import { serveKms } from './server.ts'
import type { Answer } from './service.ts'
import type { SignedRequest } from './signature.ts'
import { openPipeTo, REGION } from './start.ts'

export type Served = {
  readonly ca: string
  readonly openPipe: () => Promise<Duplex>
  readonly requests: SignedRequest[]
  readonly stop: () => Promise<void>
}

/** HTTPS with certificates that the test's authority gave, and these answers in turn; the last one stays. */
export async function serveAnswers(
  answers: readonly (Answer | ((request: SignedRequest) => Answer | Promise<Answer>))[],
  identity: ServerIdentity = issueServer(kmsHost(REGION)),
): Promise<Served> {
  const requests: SignedRequest[] = []
  const server = serveKms(identity, (request) => {
    requests.push(request)
    const next = answers[Math.min(requests.length, answers.length) - 1]
    if (next === undefined) throw new Error('an answer for each request')
    return typeof next === 'function' ? next(request) : next
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    ca: identity.ca,
    openPipe: () => openPipeTo(endpointOf(server)),
    requests,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Plain bytes, to whoever comes. */
export async function serveBytes(meet: (socket: Socket) => void): Promise<Omit<Served, 'ca' | 'requests'>> {
  const sockets = new Set<Socket>()
  const server = createPlainServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    meet(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    openPipe: () => openPipeTo(endpointOf(server)),
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function endpointOf(server: PlainServer): string {
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
}
