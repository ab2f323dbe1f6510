/**
 * What the chain's own log holds, and how blocks follow from it. Pure.
 *
 * Block heights (blockNumber) name the next block that the chain has not mined when the record is written. A record
 * cuts a run before it short: only the blocks below its own height were mined.
 */
import { z } from 'zod'

/** Blocks that one write promises ahead: after a crash all of them exist, seen or not. */
export const RUN_BLOCKS_MAX = 8
/** What one record may carry; more is refused at the door. */
export const OPS_MAX = 1_000

const Hex = z.string().regex(/^0x[0-9a-f]*$/)

const Op = z.discriminatedUnion('kind', [
  /** A raw transaction, accepted into the pool. */
  z.strictObject({ kind: z.literal('transaction'), raw: Hex }),
  /** A change that no transaction made: code, balance, nonce or storage set by hand. */
  z.strictObject({ kind: z.literal('cheat'), method: z.string(), params: z.array(z.unknown()) }),
  /** A fault that was played: this broadcast was thrown away, or sent twice. */
  z.strictObject({ kind: z.literal('fault'), fault: z.enum(['drop', 'double']), to: Hex, hash: Hex }),
  /** A word that clients keep with the chain, such as where its contracts lie. */
  z.strictObject({ kind: z.literal('note'), key: z.string(), value: z.unknown() }),
])

const position = { blockNumber: z.int().nonnegative(), parentHash: Hex }

export const ChainRecord = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('genesis'), version: z.literal(1), chainId: z.int().positive() }),
  /** Operations in order, then one block. */
  z.strictObject({ kind: z.literal('block'), ...position, atMs: z.int().nonnegative(), ops: z.array(Op).max(OPS_MAX) }),
  /** At most `blocks` empty blocks, `stepMs` apart; written before the first of them is mined. */
  z.strictObject({
    kind: z.literal('run'),
    ...position,
    atMs: z.int().nonnegative(),
    stepMs: z.int().nonnegative(),
    blocks: z.int().min(1).max(RUN_BLOCKS_MAX),
  }),
  /** Operations in order and no block; without any, the mark of an orderly stop. */
  z.strictObject({ kind: z.literal('ops'), ...position, ops: z.array(Op).max(OPS_MAX) }),
])

export type ChainOp = z.infer<typeof Op>
export type ChainRecord = z.infer<typeof ChainRecord>
export type RunRecord = Extract<ChainRecord, { kind: 'run' }>

/** When block `index` (from 0) of a run carries its stamp, in milliseconds; blocks hold whole seconds, cut down. */
export function runBlockAtMs(run: Pick<RunRecord, 'atMs' | 'stepMs'>, index: number): number {
  return run.atMs + index * run.stepMs
}

/**
 * How many blocks of `run` were mined, given the record that follows it (none after a crash: all of them).
 * Undefined when that record does not continue the run.
 */
export function runBlocksMined(run: RunRecord, next: ChainRecord | undefined): number | undefined {
  if (next === undefined) return run.blocks
  if (next.kind === 'genesis') return undefined
  const blocks = next.blockNumber - run.blockNumber
  return blocks >= 0 && blocks <= run.blocks ? blocks : undefined
}
