/** The stand-in's HTTPS server, on a Unix socket or a loopback port: what lies behind the byte pipe of the parent. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Answer } from './service.ts'
import type { SignedRequest } from './signature.ts'

export type ServerIdentityPem = { readonly cert: string; readonly key: string }

const REQUEST_BYTES_MAX = 1_048_576
const STATUS_BROKEN = 500

/** Each request whole, to whoever answers it; a body that comes in parts is sent in parts. Errors of the answerer end the request with status 500. */
export function serveKms(
  { cert, key }: ServerIdentityPem,
  answerTo: (request: SignedRequest) => Answer | Promise<Answer>,
  now: () => number = Date.now,
): Server {
  return createServer({ cert, key, ALPNProtocols: ['http/1.1'] }, (incoming, response) => {
    // Clients correct their clocks by this header.
    response.setHeader('date', new Date(now()).toUTCString())
    serve(incoming, response, answerTo).catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
      response.writeHead(STATUS_BROKEN).end()
    })
  })
}

async function serve(
  incoming: IncomingMessage,
  response: ServerResponse,
  answerTo: (request: SignedRequest) => Answer | Promise<Answer>,
): Promise<void> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of incoming) {
    size += (part as Buffer).length
    if (size > REQUEST_BYTES_MAX) throw new Error('a request of more than a mebibyte')
    parts.push(part as Buffer)
  }
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  )
  const { status, body } = await answerTo({ headers, body: new Uint8Array(Buffer.concat(parts)) })
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
  if (!(Symbol.asyncIterator in body)) return void response.end(JSON.stringify(body))
  for await (const part of body as AsyncIterable<string>) {
    if (response.destroyed) return
    response.write(part)
  }
  response.end()
}
