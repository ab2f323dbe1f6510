/**
 * The shipped journal: five weeks of a pool of sixty orchestrators, in the form of the replaced host, with every kind of
 * bad line among them. The same seed gives the same bytes.
 */
import { utf8 } from '../../enclave/protocol/words.ts'
import { badLine } from './bad-lines.ts'
import { type Dice, newDice } from './dice.ts'
import { addDecimal, type Decimal, decimalText, pythonJson, timestampText } from './python-form.ts'
import { adjustment, jobWork, powerWork, sessionWork, type Work } from './reasons.ts'
import { demoOrchestrators, type Orchestrator } from './roster.ts'

export type JournalOptions = { readonly seed: number; readonly lines: number }

export const DEMO_JOURNAL: JournalOptions = { seed: 20_261_120, lines: 20_000 }
export const JOURNAL_LINES_MAX = 1_000_000

/** 2026-10-16T06:00:00Z. */
const START_MICROS = 1_792_130_400_000_000n
const SPAN_MICROS = 5n * 7n * 86_400n * 1_000_000n
/** One line in so many is bad, or an adjustment of the line before it. */
const BAD_EVERY = 160
const ADJUST_EVERY = 230
/** One timestamp in so many falls on a whole second, which prints without a fraction. */
const WHOLE_SECOND_EVERY = 50
const MICROS_PER_SECOND = 1_000_000n

/** The lines in order, each with its newline. */
export function* generateJournal({ seed, lines }: JournalOptions): Generator<Uint8Array> {
  const dice = newDice(seed)
  const pool = newPool(demoOrchestrators(), dice)
  const step = SPAN_MICROS / BigInt(lines)
  let atMicros = START_MICROS
  let bad = 0
  for (let number = 1; number <= Math.min(lines, JOURNAL_LINES_MAX); number++) {
    atMicros = later(atMicros, step, dice)
    if (number % BAD_EVERY === 0) yield badLine(bad++, timestampText(atMicros), dice).bytes
    else if (number % ADJUST_EVERY === 0) yield pool.adjustLast(atMicros)
    else yield pool.credit(atMicros)
  }
}

type Pool = { credit(atMicros: bigint): Uint8Array; adjustLast(atMicros: bigint): Uint8Array }

function newPool(orchestrators: readonly Orchestrator[], dice: Dice): Pool {
  const balances = new Map<string, Decimal>()
  const tickets = orchestrators.flatMap(({ id, share }) => Array.from({ length: share }, () => id))
  let last: { id: string; amount: Decimal } | undefined
  const write = (id: string, work: Work, atMicros: bigint): Uint8Array => {
    const balance = addDecimal(balances.get(id) ?? { coefficient: 0n, exponent: 0 }, work.amount)
    balances.set(id, balance)
    last = { id, amount: work.amount }
    return lineOf(id, work, balance, atMicros)
  }
  return {
    credit: (atMicros) => write(dice.pick(tickets), drawWork(dice, atMicros), atMicros),
    adjustLast: (atMicros) => {
      // Only a line just before it surely covers it: whatever is older may have been paid.
      if (last === undefined) return write(dice.pick(tickets), jobWork(dice), atMicros)
      return write(last.id, adjustment(dice, last.amount), atMicros)
    },
  }
}

function drawWork(dice: Dice, atMicros: bigint): Work {
  const roll = dice.below(100)
  if (roll < 76) return sessionWork(dice, atMicros)
  return roll < 88 ? powerWork(dice, atMicros) : jobWork(dice)
}

function lineOf(id: string, { amount, reason, metadata }: Work, balance: Decimal, atMicros: bigint): Uint8Array {
  const text = decimalText(amount)
  const line = pythonJson([
    ['timestamp', timestampText(atMicros)],
    ['event', 'credit'],
    ['orchestrator_id', id],
    ['amount', text],
    ['balance', decimalText(balance)],
    ['delta', text],
    ['reason', reason],
    ['metadata', metadata],
  ])
  return utf8(`${line}\n`)
}

function later(atMicros: bigint, stepMicros: bigint, dice: Dice): bigint {
  const next = atMicros + (stepMicros * BigInt(dice.between(100_000, 1_900_000))) / 1_000_000n
  return dice.below(WHOLE_SECOND_EVERY) === 0 ? next - (next % MICROS_PER_SECOND) + MICROS_PER_SECOND : next
}
