/** Names of queues, and the ids inside them. No name holds a `:`, which BullMQ keeps for itself. */

export const STAGES = ['ingest', 'prepare', 'broadcast', 'confirm'] as const
/** A step of the pipeline, in its order. */
export type Stage = (typeof STAGES)[number]

export const QUEUE_OF_STAGE: { readonly [S in Stage]: string } = {
  ingest: 'journal-ingest',
  prepare: 'payout-prepare',
  broadcast: 'tx-broadcast',
  confirm: 'receipt-confirm',
}

/** Pinged on a schedule and consumed by every worker process: proves that jobs are consumed, not that Redis answers. */
export const CANARY_QUEUE = 'canary'
export const DRAIN_JOB = 'drain'
export const PING_JOB = 'ping'

const SHARD_DIGITS = 3

export function isStage(text: string): text is Stage {
  return (STAGES as readonly string[]).includes(text)
}

/** The shard as three digits. */
export function shardText(shard: number): string {
  return shard.toString().padStart(SHARD_DIGITS, '0')
}

/** The shard's hash tag: all of its keys share one slot of a Redis Cluster, and shards spread over the nodes. */
export function prefixOf(shard: number): string {
  return `{pay-${shardText(shard)}}`
}

export function dedupIdOf(stage: Stage, shard: number): string {
  return `${stage}-${shardText(shard)}`
}

export function tickIdOf(stage: Stage, shard: number): string {
  return `tick-${stage}-${shardText(shard)}`
}

export function canaryTickIdOf(shard: number): string {
  return `tick-canary-${shardText(shard)}`
}
