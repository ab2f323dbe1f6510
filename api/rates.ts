/**
 * How often one address may ask. The table is bounded: whoever has more addresses than it has rows pushes others out, and
 * gains nothing, because no request of his makes the enclave work (documents.ts) [S35].
 */
import rateLimit, { type RateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import { refuseFor } from './refused.ts'

export const REQUESTS_PER_MINUTE_MAX = 120
export const BURST_REQUESTS_MAX = 20
export const BURST_SPAN_MS = 10_000
export const RATE_TABLE_ADDRESSES_MAX = 5_000
const MINUTE_MS = 60_000
/** Of IPv6: one customer gets at least that much. */
const IPV6_PREFIX_BITS = 64

/** A hook for every route that strangers may ask. Refuses RATE_LIMITED. */
export async function openRates(app: FastifyInstance): Promise<onRequestAsyncHookHandler> {
  await app.register(rateLimit, { global: false })
  const minute = app.createRateLimit(limit(REQUESTS_PER_MINUTE_MAX, MINUTE_MS))
  const burst = app.createRateLimit(limit(BURST_REQUESTS_MAX, BURST_SPAN_MS))
  return async (request) => {
    await hold(burst, request)
    await hold(minute, request)
  }
}

function limit(max: number, timeWindow: number): RateLimitOptions {
  return { max, timeWindow, cache: RATE_TABLE_ADDRESSES_MAX, ipv6Subnet: IPV6_PREFIX_BITS }
}

type Check = ReturnType<FastifyInstance['createRateLimit']>

async function hold(check: Check, request: FastifyRequest): Promise<void> {
  const answer = await check(request)
  if (answer.isAllowed || !answer.isExceeded) return
  refuseFor(
    answer.ttl,
    'RATE_LIMITED',
    `expected at most ${answer.max} requests in ${answer.timeWindow} ms, got one more`,
  )
}
