/** What lines are written for, with the metadata that each reason carries. */
import type { Dice } from './dice.ts'
import { type Decimal, decimalText, type Pairs, timestampText } from './python-form.ts'

/** A line before it is written: what changes, why, and with which details. */
export type Work = { readonly amount: Decimal; readonly reason: string; readonly metadata: Pairs }

/** Amounts are ether. Sessions come by the second and often print with an exponent. */
export function sessionWork(dice: Dice, atMicros: bigint): Work {
  const durationMs = dice.between(2_000, 9_999)
  const segment = dice.between(0, 900)
  const metadata: Pairs = [
    ['session_id', `sess-${dice.hex(6)}`],
    ['event', 'segment'],
    ['trigger', dice.below(12) === 0 ? 'end' : 'segment'],
    ['segment_index', segment.toString()],
    ...span(atMicros, durationMs),
    ['proof_hash', `sha256:${dice.hex(32)}`],
    ['upstream_addr', `10.${dice.below(256)}.${dice.below(256)}.${dice.between(1, 254)}`],
    ['upstream_port', dice.between(1_024, 65_535)],
    ['edge_id', `edge-${dice.pick(['a', 'b', 'c'])}`],
    ['credit_unit', 'ms'],
    ...(dice.below(3) === 0 ? ([['streamer_id', dice.pick(STREAMERS)]] as const) : []),
  ]
  // Some are finer than a wei: the enclave cuts them, and the entry keeps the digits.
  const fine = dice.below(4) === 0
  const coefficient = BigInt(durationMs) * BigInt(dice.between(53_000_000, 99_999_999))
  return { amount: { coefficient, exponent: fine ? -20 : -15 }, reason: 'session_time', metadata }
}

export function powerWork(dice: Dice, atMicros: bigint): Work {
  const durationMs = dice.pick([60_000, 300_000, 900_000])
  const rate = { coefficient: BigInt(dice.between(2, 9)), exponent: -5 }
  const metadata: Pairs = [
    ...span(atMicros, durationMs),
    ['state', dice.pick(['idle', 'ready', 'busy'])],
    ['credit_rate_eth_per_minute', decimalText(rate)],
    ['credit_unit', 'minute'],
  ]
  const amount = { coefficient: rate.coefficient * BigInt(durationMs / 60_000), exponent: rate.exponent }
  return { amount, reason: 'power', metadata }
}

export function jobWork(dice: Dice): Work {
  const metadata: Pairs = [
    ['workload_id', `w-${dice.between(1, 99_999)}`],
    ['plan_id', dice.below(2) === 0 ? null : `plan-${dice.between(1, 40)}`],
    ['run_id', dice.below(2) === 0 ? null : `run-${dice.hex(4)}`],
    ['status', 'verified'],
    ['artifact_uri', `s3://clips/${dice.pick(ARTIFACTS)}-${dice.hex(3)}.webm`],
    ['artifact_hash', dice.hex(32)],
  ]
  return { amount: { coefficient: BigInt(dice.between(8, 90)), exponent: -4 }, reason: 'workload', metadata }
}

/** A correction by the operator. Negative ones take back less than the line before them gave. */
export function adjustment(dice: Dice, given: Decimal): Work {
  const back = given.coefficient / BigInt(dice.between(3, 9))
  const metadata: Pairs = [
    ['note', dice.pick(['double counted segment', 'réclamation', 'late proof'])],
    ['operator', 'ops-1'],
  ]
  return { amount: { coefficient: -back - 1n, exponent: given.exponent }, reason: 'adjustment', metadata }
}

const STREAMERS = ['streamer-ada', 'streamer-niño', 'streamer-07'] as const
const ARTIFACTS = ['run', 'clip', 'übung', 'final cut'] as const
const MICROS_PER_MS = 1_000n

function span(endMicros: bigint, durationMs: number): Pairs {
  return [
    ['segment_start', timestampText(endMicros - BigInt(durationMs) * MICROS_PER_MS)],
    ['segment_end', timestampText(endMicros)],
    ['duration_ms', durationMs.toString()],
  ]
}
