/** The status of the host: one JSON, and one page for people that shows it. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Problem } from '../problem.ts'

/** JSON-ready: amounts are decimal text of wei. */
export type StatusView = { readonly [key: string]: unknown }

const REFRESH_SECONDS = 2
const STYLE =
  'body{font:15px/1.4 system-ui;margin:2rem}th{text-align:left;vertical-align:top;padding-right:2rem}pre{margin:0;white-space:pre-wrap}'
/** The page brings one style and nothing else; what stands in it may come from a journal, and runs nowhere. */
const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`

const View = z
  .record(z.string(), z.unknown())
  .describe('What `anchorhold status --json` prints, and what else the starter says.')

/** Callers at one moment share one reading. */
export function addPageRoutes(
  app: FastifyInstance,
  onRequest: onRequestAsyncHookHandler[],
  read: () => Promise<StatusView>,
): void {
  const shared = sharing(read)
  const schema = {
    operationId: 'status',
    tags: ['status'],
    summary: 'Where everything stands',
    security: [{ bearer: [] }, { oldHeader: [] }],
    response: { 200: View, 401: Problem, 403: Problem, 429: Problem, 502: Problem },
  }
  app
    .withTypeProvider<ZodTypeProvider>()
    .get('/api/status', { schema, onRequest }, async () => ({ ...(await shared()) }))
  app.get('/', { schema: { hide: true }, onRequest }, async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', PAGE_POLICY)
      .send(pageOf(await shared())),
  )
}

function sharing(read: () => Promise<StatusView>): () => Promise<StatusView> {
  let running: Promise<StatusView> | undefined
  return () => {
    running ??= read().finally(() => {
      running = undefined
    })
    return running
  }
}

function pageOf(view: StatusView): string {
  const rows = Object.entries(view).map(
    ([name, value]) => `<tr><th>${escaped(name)}</th><td><pre>${escaped(shown(value))}</pre></td></tr>`,
  )
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Anchorhold</title>',
    `<meta http-equiv="refresh" content="${REFRESH_SECONDS}">`,
    `<style>${STYLE}</style>`,
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
