/** What a job says: which shard to look at, and nothing else. Job data is clear text in Redis. */
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'

/** Shards are fixed: an account's shard never changes. */
export const SHARDS_MAX = 256

export const DrainJob = z.strictObject({
  shard: z
    .int()
    .min(0)
    .max(SHARDS_MAX - 1),
})
export type DrainJob = z.infer<typeof DrainJob>

/** The data of a drain or canary job. Refuses JOB_INVALID: Redis is open to whoever reaches it. */
export function parseDrainJob(data: unknown): DrainJob {
  const parsed = DrainJob.safeParse(data)
  if (parsed.success) return parsed.data
  throw new CodedError('JOB_INVALID', `expected {shard: 0..${SHARDS_MAX - 1}}, got ${shown(data)}`)
}

/** By its keys alone: to print all of a job that nests ten thousand levels deep would end the stack, and the worker. */
function shown(data: unknown): string {
  const isContainer = typeof data === 'object' && data !== null
  const text = isContainer ? `the keys ${Object.keys(data).slice(0, SHOWN_KEYS_MAX).join(', ')}` : JSON.stringify(data)
  return (text ?? 'nothing').slice(0, SHOWN_CHARACTERS_MAX)
}

const SHOWN_CHARACTERS_MAX = 120
const SHOWN_KEYS_MAX = 8
