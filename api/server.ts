/**
 * The HTTP server of a host. It reads and never decides, signs nothing, and whoever takes it over can lie to readers, who
 * therefore verify what they read. Put a proxy with TLS in front of anything but the loopback interface.
 */
import type { Socket } from 'node:net'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { OLD_TOKEN_HEADER, requireAccess } from './access.ts'
import type { Documents } from './documents.ts'
import { answerProblem, problemOf } from './problem.ts'
import { openRates } from './rates.ts'
import { addAttestationRoutes } from './routes/attestation.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addPageRoutes, type StatusView } from './routes/page.ts'
import { addStatusRoutes } from './routes/tee-status.ts'
import type { Tokens } from './tokens.ts'

export type ApiOptions = {
  readonly tokens: Tokens
  readonly core: Documents
  readonly signer: Documents | undefined
  readonly status: () => Promise<StatusView>
  /** `anyone` on a machine's own loopback interface alone. */
  readonly statusFor: 'viewer' | 'anyone'
  /** Addresses or blocks of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** Hears of bugs of ours. */
  readonly onFailure: (error: unknown) => void
}

export type Listen = { readonly host: string; readonly port: number }
export type ApiServer = { readonly url: string; close(): Promise<void> }

/** No route takes a body yet. */
const BODY_BYTES_MAX = 16_384
const HEADER_BYTES_MAX = 8_192
const CONNECTIONS_MAX = 4_096
const REQUESTS_PER_CONNECTION_MAX = 1_000
/** From the first byte of a request to its last. */
const REQUEST_MS_MAX = 10_000
/** Without a byte either way; whoever waits for a batch waits for less. */
const SILENCE_MS_MAX = 30_000
const KEEP_ALIVE_MS = 5_000

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

/** All routes, listening nowhere yet. Refuses CONFIG_INVALID for a proxy that is no address. */
export async function buildApi(options: ApiOptions): Promise<FastifyInstance> {
  const app = newServer(options)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(answerProblem(options.onFailure))
  app.setNotFoundHandler(() => {
    throw new CodedError('ROUTE_UNKNOWN', 'expected a route of this api, got another one')
  })
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SECURITY_HEADERS)
  })
  // Who waits for a batch is answered, and no socket is cut in the middle of an answer.
  app.addHook('preClose', async () => {
    options.core.close()
    options.signer?.close()
  })
  const rates = await openRates(app)
  await app.register(swagger, { openapi: DESCRIPTION, transform: jsonSchemaTransform })
  addRoutes(app, options, { tokens: options.tokens, rates })
  await app.ready()
  return app
}

/** Listens. Refuses PORT_BUSY; nothing listens then. */
export async function openApi(options: ApiOptions, { host, port }: Listen): Promise<ApiServer> {
  const app = await buildApi(options)
  try {
    await app.listen({ host, port })
  } catch (cause) {
    await app.close()
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new CodedError('PORT_BUSY', `expected port ${port} to be free, got another listener`, { cause })
  }
  return { url: app.listeningOrigin, close: () => app.close() }
}

function newServer({ trustedProxies, onFailure }: ApiOptions): FastifyInstance {
  const answer = answerProblem(onFailure)
  try {
    const app = Fastify({
      // A path that does not decode comes as far as no hook.
      frameworkErrors: (error, request, reply) => void answer(error, request, reply.headers(SECURITY_HEADERS)),
      trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
      bodyLimit: BODY_BYTES_MAX,
      requestTimeout: REQUEST_MS_MAX,
      connectionTimeout: SILENCE_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxRequestsPerSocket: REQUESTS_PER_CONNECTION_MAX,
      forceCloseConnections: 'idle',
      exposeHeadRoutes: false,
      clientErrorHandler: refuseBytes,
      http: { maxHeaderSize: HEADER_BYTES_MAX },
    })
    app.server.maxConnections = CONNECTIONS_MAX
    return app
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected addresses or blocks of proxies, got ${trustedProxies}`, { cause })
  }
}

/** What is no HTTP, too slow or too long is answered in the one form, and gets no second chance on that connection. */
function refuseBytes(_error: Error, socket: Socket): void {
  const refusal = new CodedError('REQUEST_INVALID', 'expected an HTTP request within its limits, got other bytes')
  const body = JSON.stringify(problemOf(refusal))
  const head = ['HTTP/1.1 400 Bad Request', 'connection: close', 'content-type: application/json; charset=utf-8']
  if (socket.writable)
    socket.end(`${[...head, `content-length: ${Buffer.byteLength(body)}`].join('\r\n')}\r\n\r\n${body}`)
  else socket.destroy()
}

type Gate = Parameters<typeof addAttestationRoutes>[1]

function addRoutes(app: FastifyInstance, options: ApiOptions, gate: Gate): void {
  const { core, signer, status, statusFor } = options
  addHealthRoutes(app, core)
  addPageRoutes(app, statusFor === 'anyone' ? [] : [gate.rates, requireAccess(gate.tokens, 'viewer')], status)
  addStatusRoutes(app, gate, core, signer)
  addAttestationRoutes(app, gate, { prefix: '/api/tee/core', whose: 'core', documents: core })
  addAttestationRoutes(app, gate, { prefix: '/api/tee', whose: 'signer', documents: signer })
  app.get('/api/openapi.json', { schema: { hide: true }, onRequest: gate.rates }, async () => app.swagger())
}

const DESCRIPTION = {
  openapi: '3.1.0',
  info: {
    title: 'Anchorhold',
    version: '1',
    description:
      'What a host shows of its ledger. Nothing here has to be believed: verify documents, proofs and signatures.',
  },
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer' },
      oldHeader: { type: 'apiKey', in: 'header', name: OLD_TOKEN_HEADER },
    },
  },
} as const
