/** JSON-RPC over HTTP POST, single calls and batches, on the loopback interface. */
import Fastify, { type FastifyInstance } from 'fastify'
import { z } from 'zod'
import { ConnectionCut } from './chain.ts'
import { answer, type MethodContext } from './methods.ts'
import { asRefusal, INVALID_REQUEST, PARSE_ERROR } from './rpc-refusal.ts'

const BODY_BYTES_MAX = 8 * 1024 * 1024
const BATCH_CALLS_MAX = 1_000
const HOST = '127.0.0.1'

const Call = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  method: z.string(),
  params: z.array(z.unknown()).default([]),
})

/** Listens on `port` (0: any free one) and returns the server; its address is `server.listeningOrigin`. */
export async function serve(context: MethodContext, port: number): Promise<FastifyInstance> {
  const server = Fastify({ bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true })
  server.post('/', async (request, reply) => {
    try {
      return await answerBody(request.body, context)
    } catch (error) {
      if (!(error instanceof ConnectionCut)) throw error
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    }
  })
  server.setErrorHandler((error, _request, reply) =>
    reply.code(200).send(failure(null, PARSE_ERROR, `cannot read the request: ${(error as Error).message}`)),
  )
  await server.listen({ host: HOST, port })
  return server
}

async function answerBody(body: unknown, context: MethodContext): Promise<unknown> {
  if (!Array.isArray(body)) return answerCall(body, context)
  if (body.length === 0 || body.length > BATCH_CALLS_MAX) {
    return failure(null, INVALID_REQUEST, `expected 1 to ${BATCH_CALLS_MAX} calls in a batch, got ${body.length}`)
  }
  const answers: unknown[] = []
  // One after the other: transactions of one account arrive in the order of their nonces.
  for (const call of body) answers.push(await answerCall(call, context))
  return answers
}

async function answerCall(body: unknown, context: MethodContext): Promise<unknown> {
  const call = Call.safeParse(body)
  if (!call.success) return failure(null, INVALID_REQUEST, 'expected {"jsonrpc":"2.0","id","method","params":[…]}')
  const { id = null, method, params } = call.data
  try {
    return { jsonrpc: '2.0', id, result: await answer(method, params, context) }
  } catch (error) {
    if (error instanceof ConnectionCut) throw error
    const refusal = asRefusal(error)
    return failure(id, refusal.code, refusal.message, refusal.data)
  }
}

function failure(id: string | number | null, code: number, message: string, data?: unknown) {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data === undefined ? {} : { data }) } }
}
