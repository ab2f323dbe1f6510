/** Lines that a ledger must refuse, one kind for each way in which real journals go wrong. */
import type { ErrorCode } from '../../enclave/protocol/errors.ts'
import { utf8 } from '../../enclave/protocol/words.ts'
import type { Dice } from './dice.ts'
import { type Pairs, pythonJson } from './python-form.ts'
import { UNROSTERED_ID } from './roster.ts'

/** Bytes of one line with its newline, and the code with which the enclave refuses it. */
export type BadLine = { readonly kind: string; readonly code: ErrorCode; readonly bytes: Uint8Array }

type Recipe = readonly [kind: string, code: ErrorCode, write: (stamp: string, dice: Dice) => string | Uint8Array]

/** The lines are 40,000 bytes and more: the enclave reads 32 KiB. */
const LONG_CHARACTERS = 40_000
const DEEP_LEVELS = 40

const credit = (stamp: string, changes: Pairs = []): string => pythonJson(fieldsOf(stamp, changes))

const RECIPES: readonly Recipe[] = [
  ['not UTF-8', 'LINE_NOT_UTF8', (stamp) => withByte(credit(stamp), 0xff)],
  ['Latin-1', 'LINE_NOT_UTF8', (stamp) => withByte(credit(stamp), 0xe9)],
  ['cut short', 'LINE_NOT_JSON', (stamp, dice) => credit(stamp).slice(0, dice.between(20, 80))],
  ['two in one', 'LINE_NOT_JSON', (stamp) => credit(stamp) + credit(stamp)],
  ['an array', 'LINE_NOT_JSON', (stamp) => `[${credit(stamp)}]`],
  ['nothing', 'LINE_NOT_JSON', () => ''],
  ['a byte order mark', 'LINE_NOT_JSON', (stamp) => `\ufeff${credit(stamp)}`],
  [
    'too deep',
    'LINE_NOT_JSON',
    (stamp) => credit(stamp).replace(/\{\}\}$/, `${'{"a":'.repeat(DEEP_LEVELS)}1${'}'.repeat(DEEP_LEVELS)}}`),
  ],
  ['a doubled key', 'LINE_KEY_DOUBLED', (stamp) => credit(stamp).replace('"balance"', '"amount":"900","balance"')],
  ['an unknown event', 'LINE_EVENT_UNKNOWN', (stamp) => credit(stamp, [['event', 'bonus']])],
  ['too long', 'LINE_TOO_LONG', (stamp) => credit(stamp, [['reason', 'x'.repeat(LONG_CHARACTERS)]])],
  ['amount against delta', 'AMOUNT_CONFLICT', (stamp) => credit(stamp, [['delta', '0.05000000000000000000000001']])],
  ['nothing to credit', 'AMOUNT_ZERO', (stamp) => credit(stamp, both('0E-18'))],
  ['less than a wei', 'AMOUNT_ZERO', (stamp) => credit(stamp, both('9.99E-19'))],
  ['no decimal', 'AMOUNT_SYNTAX', (stamp) => credit(stamp, both('NaN'))],
  ['an endless exponent', 'AMOUNT_SYNTAX', (stamp) => credit(stamp, both('1E+999999'))],
  ['more than there is', 'AMOUNT_TOO_LARGE', (stamp) => credit(stamp, both('1E+11'))],
  ['an amount as a number', 'LINE_FIELD', (stamp) => credit(stamp, [['amount', 5]])],
  ['no id', 'LINE_FIELD', (stamp) => credit(stamp, [['orchestrator_id', null]])],
  ['an empty id', 'ORCHESTRATOR_ID', (stamp) => credit(stamp, [['orchestrator_id', '']])],
  ['an endless id', 'ORCHESTRATOR_ID', (stamp) => credit(stamp, [['orchestrator_id', 'é'.repeat(65)]])],
  ['a lone surrogate', 'ORCHESTRATOR_ID', (stamp) => credit(stamp, [['orchestrator_id', 'orch-\ud83c']])],
  ['an overdraw', 'OVERDRAW', (stamp) => credit(stamp, both('-1000'))],
  ['a debt of a stranger', 'OVERDRAW', (stamp) => credit(stamp, [...both('-0.01'), ['orchestrator_id', 'nobody-yet']])],
  [
    "the old host's balance",
    'LINE_SET_BALANCE',
    (stamp) =>
      credit(stamp, [
        ['event', 'set_balance'],
        ['reason', 'reconcile'],
      ]),
  ],
]

export const BAD_KINDS: readonly string[] = RECIPES.map(([kind]) => kind)

/** One line of the kind with this number, counted round and round. `stamp` is its timestamp as text. */
export function badLine(number: number, stamp: string, dice: Dice): BadLine {
  const [kind, code, write] = RECIPES[number % RECIPES.length] as Recipe
  const body = write(stamp, dice)
  const bytes = typeof body === 'string' ? utf8(`${body}\n`) : Uint8Array.of(...body, NEWLINE)
  return { kind, code, bytes }
}

const NEWLINE = 10

function fieldsOf(stamp: string, changes: Pairs): Pairs {
  const changed = new Map(changes)
  const honest: Pairs = [
    ['timestamp', stamp],
    ['event', 'credit'],
    ['orchestrator_id', UNROSTERED_ID],
    ['amount', '0.05'],
    ['balance', '0.05'],
    ['delta', '0.05'],
    ['reason', 'workload'],
    ['metadata', []],
  ]
  return honest.map(([key, value]) => [key, changed.get(key) ?? (changed.has(key) ? null : value)])
}

function both(amount: string): Pairs {
  return [
    ['amount', amount],
    ['delta', amount],
  ]
}

/** Puts one byte in front of the reason's text. */
function withByte(line: string, byte: number): Uint8Array {
  const at = line.indexOf('workload')
  return Uint8Array.of(...utf8(line.slice(0, at)), byte, ...utf8(line.slice(at)))
}
