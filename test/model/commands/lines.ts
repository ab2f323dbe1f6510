/** Journal lines, good and bad, as data that fast-check shrinks. */
import fc from 'fast-check'
import { aLine, bitmapHash } from '../../builders/boot.ts'
import type { Line } from './player.ts'

export const IDS = ['orch-0', 'orch-1', 'orch-4', 'late-a', 'late-b', `0x${'ab'.repeat(20)}`] as const
const ETHER_WEI = 10n ** 18n
const encoder = new TextEncoder()

/** Each is consumed as a refusal, whatever stands around it. */
const BAD: readonly (readonly [string, () => Line])[] = [
  ['LINE_NOT_JSON', () => encoder.encode('{"event":\n')],
  ['LINE_NOT_UTF8', () => Uint8Array.of(0x22, 0xff, 0x22, 0x0a)],
  ['LINE_KEY_DOUBLED', () => encoder.encode('{"event":"credit","event":"credit"}\n')],
  ['LINE_SET_BALANCE', () => aLine('orch-0', '1', { event: 'set_balance' })],
  ['LINE_EVENT_UNKNOWN', () => aLine('orch-0', '1', { event: 'debit' })],
  ['LINE_FIELD', () => aLine('orch-0', '1', { amount: 1 })],
  ['AMOUNT_SYNTAX', () => aLine('orch-0', 'one')],
  ['AMOUNT_SYNTAX', () => aLine('orch-0', `0.${'1'.repeat(64)}`)],
  ['AMOUNT_CONFLICT', () => aLine('orch-0', '1', { delta: '2' })],
  ['ORCHESTRATOR_ID', () => aLine('x'.repeat(129), '1')],
  ['OVERDRAW', () => aLine('nobody', '-1')],
  ['AMOUNT_TOO_LARGE', () => aLine('orch-0', '1e30')],
  ['LINE_TOO_LONG', () => ({ hash: bitmapHash(7n), bytes: 40_000 })],
]

export type LineSpec = { readonly id: string; readonly wei: bigint } | { readonly bad: number }

export const lineSpec: fc.Arbitrary<LineSpec> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ id: fc.constantFrom(...IDS), wei: fc.bigInt(-ETHER_WEI, 3n * ETHER_WEI) }) },
  { weight: 1, arbitrary: fc.record({ bad: fc.nat(BAD.length - 1) }) },
)

export function lineOf(spec: LineSpec): Line {
  return 'bad' in spec ? badOf(spec.bad)[1]() : aLine(spec.id, etherText(spec.wei))
}

/** The code that a bad line is refused with; undefined for one that may count. */
export function codeOf(spec: LineSpec): string | undefined {
  return 'bad' in spec ? badOf(spec.bad)[0] : undefined
}

function badOf(index: number): (typeof BAD)[number] {
  return BAD[index] as (typeof BAD)[number]
}

/** Signed wei as decimal ether, as a journal line has it. */
function etherText(value: bigint): string {
  const size = (value < 0n ? -value : value).toString().padStart(19, '0')
  return `${value < 0n ? '-' : ''}${size.slice(0, -18)}.${size.slice(-18)}`
}
