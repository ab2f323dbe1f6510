/** For whoever keeps the process running. No token, no secret, and nobody is called. */
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Documents } from '../documents.ts'

const Healthy = z.strictObject({ ok: z.literal(true) })
const Ready = z.strictObject({ ready: z.boolean().describe('Our last look found the enclave.') })
const UNAVAILABLE = 503

export function addHealthRoutes(app: FastifyInstance, core: Documents): void {
  const typed = app.withTypeProvider<ZodTypeProvider>()
  const healthy = { operationId: 'healthy', tags: ['health'], summary: 'The api answers', response: { 200: Healthy } }
  typed.get('/healthz', { schema: healthy }, async () => ({ ok: true as const }))
  const ready = {
    operationId: 'ready',
    tags: ['health'],
    summary: 'The api has what it serves',
    response: { 200: Ready, 503: Ready },
  }
  typed.get('/readyz', { schema: ready }, async (_request, reply) => {
    if (core.isFound) return { ready: true }
    return reply.code(UNAVAILABLE).send({ ready: false })
  })
}
