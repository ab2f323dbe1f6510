/** Journal lines and amounts: as the enclave judges them, as the host cuts them, and as the importer reads old ones. */
import { createHash } from 'node:crypto'
import { weiOfEtherText } from '../../../auditor/naive/amount.ts'
import { newReplay, step, summary } from '../../../auditor/replay.ts'
import { takeLines } from '../../../enclave/core/intake.ts'
import { isCompleteLine } from '../../../enclave/core/journal.ts'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import { LINE_BYTES_MAX } from '../../../enclave/protocol/methods.ts'
import { AMOUNT_CHARACTERS_MAX, formatEther, parseEther, parseWei, sameEther } from '../../../enclave/protocol/money.ts'
import { packPayouts, parsePayouts } from '../../../enclave/protocol/ticket.ts'
import { LineSplitter } from '../../../host/line-splitter.ts'
import { readOldJournal } from '../../../scripts/import/old-journal.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { aLine, anAddress } from '../../builders/boot.ts'
import { LogBuilder } from '../../unit/auditor/log-builder.ts'
import { ACCEPTED, bytesOf, demand, isSame, judged, judgedLater, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside } from '../mutations.ts'
import { cutAtRandom } from './encodings.ts'
import { aFile, removeFiles } from './files.ts'

const NEWLINE = 10
const AMOUNT_CHARACTERS = [
  '0',
  '1',
  '9',
  '.',
  'e',
  'E',
  '-',
  '+',
  '40',
  '39',
  '18',
  '79228162514264337593543950336',
  '00',
  ' ',
  '_',
  'x',
]

function anAmount(dice: Dice): string {
  return Array.from({ length: dice.below(7) }, () => dice.pick(AMOUNT_CHARACTERS)).join('')
}

const amount: Target = {
  name: 'amount',
  claim: 'reads an amount as another reader does that moves the point in the text, and refuses what that one refuses',
  inputs: 30_000,
  seeds: () =>
    [
      '1',
      '0.5',
      '-0.25',
      '1e-19',
      '1e40',
      '1E-40',
      '79228162514.264337593543950336',
      '+1.50',
      '5.353596E-8',
      '1 1.0',
      '0.1 1e-1',
    ].map(bytesOf),
  generate: (dice) => bytesOf(dice.below(2) === 0 ? anAmount(dice) : `${anAmount(dice)} ${anAmount(dice)}`),
  run: (input) => {
    const [left = '', right = left] = textOf(input).split(' ')
    judged(
      () => parseWei(left),
      ['WEI_SYNTAX'],
      (read) => demand(read.toString() === left, 'wei have one spelling'),
    )
    const expected = weiOfEtherText(left)
    const outcome = judged(
      () => parseEther(left),
      ['AMOUNT_SYNTAX'],
      (read) => {
        demand(read === expected, 'both readers read one amount')
        const printed = formatEther(read)
        demand(
          printed.length > AMOUNT_CHARACTERS_MAX || parseEther(printed) === read,
          'what is printed is read as the same',
        )
      },
    )
    demand((outcome === ACCEPTED) === (expected !== null), 'both readers refuse the same')
    judged(
      () => sameEther(left, right),
      ['AMOUNT_SYNTAX'],
      (same) => {
        if (same) demand(expected === weiOfEtherText(right), 'equal amounts are equal in wei')
        demand(same === sameEther(right, left), 'equal is equal from both sides')
      },
    )
    return outcome
  },
}

const HOSTILE_LINES = [
  '{"event":"credit","orchestrator_id":"a","amount":"1","amount":"2"}',
  '{"event":"credit","orchestrator_id":"__proto__","amount":"1"}',
  '{"event":"credit","orchestrator_id":"","amount":"1"}',
  '{"event":"credit","orchestrator_id":"\\ud800","amount":"1"}',
  '{"event":"credit","orchestrator_id":"a","amount":1}',
  '{"event":"credit","orchestrator_id":"orch-0","amount":"-1e10"}',
  '{"event":"credit","orchestrator_id":"a","amount":"1","delta":"1.00"}',
  '{"event":"credit","orchestrator_id":"a","amount":"1","delta":"2"}',
  '{"event":"set_balance","orchestrator_id":"a","balance":"1"}',
  '{"event":"refund","orchestrator_id":"a","amount":"1"}',
  '{"event":"credit","orchestrator_id":"a","amount":"1e-30"}',
  'not json',
  '',
]
const LINES = (): Uint8Array[] => [
  aLine('orch-0', '1'),
  aLine('orch-0', '-0.5'),
  aLine('late', '5.353596E-8', { metadata: { a: [1, { b: null }] }, delta: '5.353596E-8' }),
  aLine(`0x${'ab'.repeat(20)}`, '0.1', { reason: 'é'.repeat(90) }),
  ...HOSTILE_LINES.map((text) => bytesOf(`${text}\n`)),
]

function changeLine(dice: Dice, input: Uint8Array): Uint8Array {
  const body = input.subarray(0, -1)
  const changed = dice.below(3) === 0 ? changeBytes(dice, body) : changeInside(dice, body)
  return Uint8Array.from([...changed.filter((byte) => byte !== NEWLINE), NEWLINE])
}

/** A ledger is judged by both sides after so many lines, and then a new one is begun. */
const LINES_PER_LEDGER = 200

class JournalBench {
  #builder = aLedger()
  #taken = 0

  take(line: Uint8Array): string {
    if (this.#taken++ >= LINES_PER_LEDGER) this.renew()
    const { state, entries } = this.#builder
    const size = state.journalSize
    const { entries: written, refused } = takeLines(state, [line], state.at)
    entries.push(...written)
    demand(written.length === 1 && state.journalSize === size + 1, 'each line is one entry and moves the cursor by one')
    demand(
      refused.every(({ code }) => Object.hasOwn(ERRORS, code)),
      'a refused line has a code of the catalogue',
    )
    return refused[0]?.code ?? ACCEPTED
  }

  renew(): void {
    judgeWhole(this.#builder)
    this.#builder = aLedger()
    this.#taken = 0
  }
}

function aLedger(): LogBuilder {
  return new LogBuilder({ roster: [{ id: 'orch-0', recipient: anAddress(0x1000) }] }).lineOf('orch-0', '3')
}

function judgeWhole({ entries, state }: LogBuilder): void {
  const replayed = newReplay()
  for (const [index, bytes] of entries.entries()) step(replayed, bytes, index)
  const { findings, ledger } = summary(replayed)
  demand(findings.length === 0, `the auditor has nothing to say: ${JSON.stringify(findings[0])}`)
  demand(ledger !== null && ledger.creditedWei === state.creditedWei, 'both sides credited the same')
}

const bench = { current: undefined as JournalBench | undefined }

const line: Target = {
  name: 'journal-line',
  claim: 'turns each complete line into one entry, a credit or a refusal with a code, and the auditor agrees',
  inputs: 8_000,
  seeds: LINES,
  mutate: changeLine,
  run: (input) => {
    if (!isCompleteLine(input)) return 'PARAMS_INVALID'
    bench.current ??= new JournalBench()
    return bench.current.take(input) as typeof ACCEPTED
  },
  close: () => {
    bench.current?.renew()
    bench.current = undefined
  },
}

const splitter: Target = {
  name: 'line-splitter',
  claim: 'cuts a journal into the same lines however it arrives, hashes each, and keeps none that is too long',
  inputs: 1_000,
  seeds: () => [
    bytesOf('a\nbc\n\n'),
    bytesOf('unfinished'),
    Uint8Array.from([...new Uint8Array(LINE_BYTES_MAX - 1).fill(65), NEWLINE, 66, NEWLINE]),
  ],
  generate: (dice) =>
    bytesOf(
      Array.from({ length: dice.below(6) }, () =>
        'x'.repeat(dice.pick([0, 1, 30, LINE_BYTES_MAX - 1, LINE_BYTES_MAX])),
      ).join('\n'),
    ),
  run: (input) => {
    const dice = newDice(input.length)
    const pieces =
      input.length > 4_096 ? [input.subarray(0, dice.below(input.length)), input] : cutAtRandom(dice, input)
    const whole = pieces[1] === input ? [...(pieces[0] as Uint8Array), ...input] : [...input]
    const cutter = new LineSplitter()
    const lines = pieces.flatMap((piece) => [...cutter.push(Buffer.from(piece))])
    const expected = naiveLines(Uint8Array.from(whole))
    demand(lines.length === expected.length, `${expected.length} lines`)
    for (const [at, cut] of lines.entries())
      demand(isExpected(cut, expected[at] as Uint8Array), `line ${at} as it stands`)
    return ACCEPTED
  },
  oneOutcome: true,
}

type CutLine = { readonly bytes: Uint8Array | undefined; readonly hash: Uint8Array; readonly size: number }

function isExpected({ bytes, hash, size }: CutLine, expected: Uint8Array): boolean {
  const kept = expected.length > LINE_BYTES_MAX ? bytes === undefined : isSame(bytes && new Uint8Array(bytes), expected)
  return kept && size === expected.length && createHash('sha256').update(expected).digest().equals(hash)
}

function naiveLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  let start = 0
  for (const [at, byte] of bytes.entries()) {
    if (byte !== NEWLINE) continue
    lines.push(bytes.slice(start, at + 1))
    start = at + 1
  }
  return lines
}

const OLD_LINES = [
  '{"event":"credit","orchestrator_id":"a","amount":"0.5","balance":"0.5","reason":"workload"}',
  '{"event":"set_balance","orchestrator_id":"a","balance":"0","reason":"payout"}',
  '{"event":"credit","orchestrator_id":"b","amount":"1e-30","balance":"x"}',
  'half a li',
]

const oldJournal: Target = {
  name: 'old-journal',
  claim: 'reads a journal of the replaced host to its end and counts every line of it once',
  inputs: 800,
  seeds: () => [bytesOf(`${OLD_LINES.join('\n')}`), bytesOf(`${OLD_LINES.slice(0, 3).join('\n')}\n`)],
  mutate: (dice, input) => {
    const lines = textOf(input).split('\n')
    const at = dice.below(lines.length)
    lines[at] = textOf(changeInside(dice, bytesOf(lines[at] ?? '')))
    return bytesOf(lines.join('\n'))
  },
  run: (input) =>
    judgedLater(
      () => readOldJournal(aFile('old.log', input)),
      ['JOURNAL_UNREADABLE', 'LEDGER_FULL'],
      ({ end, unread, credits, payouts, unfinishedBytes, balances, doubtful }) => {
        const expected = naiveLines(input)
        demand(end.lines === expected.length, 'each line is counted once')
        demand(
          unfinishedBytes === input.length - expected.reduce((sum, { length }) => sum + length, 0),
          'the rest waits',
        )
        demand(unread + credits <= end.lines && payouts <= end.lines, 'no line counts twice')
        demand(balances.size + doubtful.size <= 2 * end.lines, 'no id without a line')
      },
    ),
  close: removeFiles,
  oneOutcome: true,
}

const SIGNED = { recipient: anAddress(0x11), amountWei: 5n as never, signature64: new Uint8Array(64).fill(1) }
const MOVED = { recipient: anAddress(0x12), amountWei: (2n ** 96n - 1n) as never }

const payouts: Target = {
  name: 'payouts',
  claim: 'reads packed payouts only from the bytes that packing them gives',
  inputs: 25_000,
  seeds: () => [
    packPayouts({
      round: { number: 7, hash: `0x${'11'.repeat(32)}` as never },
      firstPayoutId: 1,
      tickets: [SIGNED, SIGNED],
      transfers: [MOVED],
    }),
    packPayouts({ round: null, firstPayoutId: 2 ** 32 - 2, tickets: [], transfers: [MOVED] }),
  ],
  run: (input) =>
    judged(
      () => parsePayouts(input),
      ['PAYOUTS_SYNTAX'],
      (read) => demand(isSame(packPayouts(read), input), 'payouts have one packing'),
    ),
}

export const JOURNAL: readonly Target[] = [amount, line, splitter, oldJournal, payouts]
