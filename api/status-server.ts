/** The status of a ledger over HTTP, on the loopback interface: one page, one JSON. It reads and never decides. */
import Fastify from 'fastify'
import { CodedError } from '../enclave/protocol/errors.ts'

/** JSON-ready: amounts are decimal text of wei. */
export type StatusView = { readonly [key: string]: unknown }

export type StatusServer = { readonly url: string; close(): Promise<void> }

const HOST = '127.0.0.1'
const REFRESH_S = 2

/** Serves what `read` says. Refuses PORT_BUSY; nothing listens then. */
export async function openStatusServer(port: number, read: () => Promise<StatusView>): Promise<StatusServer> {
  const server = Fastify({ forceCloseConnections: true })
  server.get('/api/status', async (_request, reply) => reply.header('cache-control', 'no-store').send(await read()))
  server.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(pageOf(await read())))
  try {
    await server.listen({ host: HOST, port })
  } catch (cause) {
    await server.close()
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new CodedError('PORT_BUSY', `expected port ${port} to be free, got another listener`, { cause })
  }
  return { url: server.listeningOrigin, close: () => server.close() }
}

function pageOf(view: StatusView): string {
  const rows = Object.entries(view).map(
    ([name, value]) => `<tr><th>${escaped(name)}</th><td><pre>${escaped(shown(value))}</pre></td></tr>`,
  )
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Anchorhold</title>',
    `<meta http-equiv="refresh" content="${REFRESH_S}">`,
    '<style>body{font:15px/1.4 system-ui;margin:2rem}th{text-align:left;vertical-align:top;padding-right:2rem}pre{margin:0;white-space:pre-wrap}</style>',
    `</head><body><h1>Anchorhold</h1><table>${rows.join('')}</table></body></html>`,
  ].join('')
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}

// Ids come from journals, which anybody may have written.
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
