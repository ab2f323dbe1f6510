/** Connections to Redis, and the one setting of the server that we insist on. */
import { Redis } from 'ioredis'
import { CodedError } from '../enclave/protocol/errors.ts'
import { queueConnection, workerConnection } from './options.ts'

export type RedisUse = 'worker' | 'queue'

const POLICY_WANTED = 'noeviction'

/** A connection for a worker (waits while Redis is away) or for ringing (fails at once). The caller closes it. */
export function connectRedis(url: string, use: RedisUse, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, use === 'worker' ? workerConnection() : queueConnection())
  redis.on('error', onError)
  return redis
}

/**
 * Refuses REDIS_POLICY under a policy that evicts: BullMQ's locks have a time to live and would go first.
 * A server that doesn't let us read its configuration is taken at its operator's word.
 */
export async function requireNoEviction(redis: Redis): Promise<void> {
  const policy = await readPolicy(redis)
  if (policy === undefined || policy === POLICY_WANTED) return
  throw new CodedError('REDIS_POLICY', `expected maxmemory-policy ${POLICY_WANTED}, got ${policy}`)
}

async function readPolicy(redis: Redis): Promise<string | undefined> {
  try {
    const answer = (await redis.config('GET', 'maxmemory-policy')) as unknown[]
    return typeof answer[1] === 'string' ? answer[1] : undefined
  } catch {
    // Managed servers refuse CONFIG; their policy is set, and shown, elsewhere.
    return undefined
  }
}
