import { expect } from 'chai'
import { makeGenesis } from '../../../../enclave/core/genesis.ts'
import { placeLines, takeLines } from '../../../../enclave/core/intake.ts'
import { isCompleteLine, judgeLine, type Line, lineHash, nextJournalHead } from '../../../../enclave/core/journal.ts'
import { balanceWei, type State } from '../../../../enclave/core/state.ts'
import { genesisHash } from '../../../../enclave/protocol/configuration.ts'
import { fromHex, toHash, ZERO_HASH } from '../../../../enclave/protocol/ids.ts'
import { aGenesis, aLine, anAddress, aPolicy } from '../../../builders/boot.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

function aState(over: Parameters<typeof aPolicy>[0] = {}): State {
  const genesis = aGenesis({ policy: aPolicy(over) })
  const { chainId, anchor, broker } = genesis.policy
  const configuration = {
    chainId,
    anchor,
    broker,
    guardian: anAddress(0xd1),
    role: 'core' as const,
    genesisHash: genesisHash(genesis),
  }
  const keys = { authority: anAddress(0xe1), logKey: ZERO_HASH, imageDigest: ZERO_HASH }
  return makeGenesis(configuration, genesis, keys, 0, 1_000).state
}

function take(state: State, ...lines: Line[]): ReturnType<typeof takeLines> {
  return takeLines(state, lines, 2_000)
}

function verdict(line: Line): string {
  const judged = judgeLine(aState(), line, lineHash(line), 2_000)
  return judged.type === 'refuse' ? (judged.body as { code: string }).code : judged.type
}

function raw(fields: string): Uint8Array {
  return utf8(`{"event":"credit","orchestrator_id":"orch-1","amount":"1",${fields}}\n`)
}

describe('journal lines', () => {
  it('credits a line of the original form, and cuts the amount towards zero', () => {
    const state = aState()
    take(state, aLine('orch-1', '0.0000000000000000019', { delta: '1.9E-18' }))
    expect(state.byId.get('orch-1')?.creditedWei).to.equal(1n)
    expect(state.creditedWei).to.equal(1n)
  })

  it('opens an account without recipient for an id that nobody registered', () => {
    const state = aState()
    take(state, aLine('stranger', '5.353596E-8'))
    const account = state.byId.get('stranger')
    expect(account?.creditedWei).to.equal(53_535_960_000n)
    expect(account?.index).to.equal(6)
    expect(state.accountsWithoutRecipient).to.equal(1)
  })

  it('takes a negative amount off the balance down to zero, and refuses one wei more', () => {
    const state = aState()
    take(state, aLine('orch-1', '1'), aLine('orch-1', '-1'))
    expect(balanceWei(state.byId.get('orch-1') as never)).to.equal(0n)
    const { refused } = take(state, aLine('orch-1', '-0.000000000000000001'))
    expect(refused.map(({ code }) => code)).to.deep.equal(['OVERDRAW'])
  })

  const table: readonly (readonly [string, Line, string])[] = [
    ['bytes that are not UTF-8', Uint8Array.of(0xff, 0x0a), 'LINE_NOT_UTF8'],
    ['text that is not JSON', utf8('credit orch-1\n'), 'LINE_NOT_JSON'],
    ['an empty line', utf8('\n'), 'LINE_NOT_JSON'],
    ['a JSON list', utf8('[1]\n'), 'LINE_NOT_JSON'],
    ['a doubled key', raw('"amount":"2"'), 'LINE_KEY_DOUBLED'],
    ['a doubled key inside metadata', raw('"metadata":{"a":1,"a":2}'), 'LINE_KEY_DOUBLED'],
    ['an unknown event', aLine('orch-1', '1', { event: 'debit' }), 'LINE_EVENT_UNKNOWN'],
    ['a set_balance line', aLine('orch-1', '1', { event: 'set_balance' }), 'LINE_SET_BALANCE'],
    ['an amount that is a number', aLine('orch-1', 1 as never), 'LINE_FIELD'],
    ['an id that is a number', aLine(7 as never, '1'), 'LINE_FIELD'],
    ['an empty id', aLine('', '1'), 'ORCHESTRATOR_ID'],
    ['an id of 129 bytes', aLine('x'.repeat(129), '1'), 'ORCHESTRATOR_ID'],
    [
      'an id with a lone surrogate',
      utf8('{"event":"credit","orchestrator_id":"\\ud800","amount":"1"}\n'),
      'ORCHESTRATOR_ID',
    ],
    ['a reason with a lone surrogate', raw('"reason":"\\ud800"'), 'LINE_FIELD'],
    ['an amount that is not a decimal', aLine('orch-1', '1_000'), 'AMOUNT_SYNTAX'],
    ['an amount of NaN', aLine('orch-1', 'NaN'), 'AMOUNT_SYNTAX'],
    ['an amount of 65 characters', aLine('orch-1', `0.${'1'.repeat(63)}`), 'AMOUNT_SYNTAX'],
    ['an exponent of 41', aLine('orch-1', '1E+41'), 'AMOUNT_SYNTAX'],
    ['an amount that is nothing after the cut', aLine('orch-1', '1E-19'), 'AMOUNT_ZERO'],
    ['an amount of zero with an exponent', aLine('orch-1', '0E-18'), 'AMOUNT_ZERO'],
    ['an amount of 2^96 wei', aLine('orch-1', '79228162514.264337593543950336'), 'AMOUNT_TOO_LARGE'],
    ['a delta of another value', aLine('orch-1', '1', { delta: '1.0000000000000000000001' }), 'AMOUNT_CONFLICT'],
    ['a line of 32,769 bytes', aLine('orch-1', '1', { metadata: { note: 'x'.repeat(32_700) } }), 'LINE_TOO_LONG'],
    ['a line that travels as its hash', { hash: toHash(new Uint8Array(32).fill(3)), bytes: 40_000 }, 'LINE_TOO_LONG'],
    ['an adjustment of an unknown id', aLine('nobody', '-1'), 'OVERDRAW'],
  ]
  for (const [what, line, code] of table) {
    it(`records ${what} as refused with ${code}`, () => expect(verdict(line)).to.equal(code))
  }

  const honest: readonly (readonly [string, Uint8Array])[] = [
    ['a delta of the same value in another form', aLine('orch-1', '0.05', { delta: '5E-2' })],
    ['the largest amount below 2^96 wei', aLine('orch-1', '79228162514.264337593543950335')],
    ['a reason of 4,000 bytes, cut for the log', aLine('orch-1', '1', { reason: '\u00e9'.repeat(2_000) })],
    ['keys that nobody knows', aLine('orch-1', '1', { later: [1, { deep: true }] })],
  ]
  for (const [what, line] of honest) it(`credits a line with ${what}`, () => expect(verdict(line)).to.equal('credit'))

  it('applies both good lines around each bad one, and consumes all three', () => {
    for (const [, bad] of table) {
      const state = aState()
      const { entries, refused } = take(state, aLine('orch-1', '1'), bad, aLine('orch-2', '1'))
      expect([entries.length, refused.length, refused[0]?.line]).to.deep.equal([3, 1, 1])
      expect([state.journalSize, state.creditedWei]).to.deep.equal([3, 2n * 10n ** 18n])
    }
  })

  it('refuses one account more than the policy allows, and goes on crediting known ones', () => {
    const state = aState({ accountsMax: 6 })
    const { refused } = take(state, aLine('stranger', '1'), aLine('orch-1', '1'))
    expect(refused).to.deep.equal([{ line: 0, code: 'LEDGER_FULL' }])
  })

  it('knows a complete line from a half-written one', () => {
    expect(isCompleteLine(utf8('{}\n'))).to.equal(true)
    for (const text of ['', '{}', '{}\n{}\n', '\n\n']) expect(isCompleteLine(utf8(text))).to.equal(false)
  })
})

describe('the journal cursor', () => {
  const lines = ['orch-1', 'orch-2', 'orch-3', 'orch-4'].map((id) => aLine(id, '1'))
  const heads = [fromHex(ZERO_HASH)]
  for (const line of lines) heads.push(nextJournalHead(heads.at(-1) as Uint8Array, lineHash(line)))
  const headAt = (index: number): ReturnType<typeof toHash> => toHash(heads[index] as Uint8Array)

  function twoTaken(): State {
    const state = aState()
    take(state, ...lines.slice(0, 2))
    return state
  }

  it('takes lines at the cursor, and only the new ones of an overlap', () => {
    const place = placeLines(twoTaken(), 1, headAt(1), lines.slice(1))
    expect(place.kind === 'fits' && place.fresh).to.deep.equal(lines.slice(2))
  })

  it('finds nothing new in lines that were all applied before', () => {
    const place = placeLines(twoTaken(), 0, headAt(0), lines.slice(0, 2))
    expect(place.kind === 'fits' && place.fresh).to.deep.equal([])
  })

  it('answers a gap with the line it expects', () => {
    expect(placeLines(twoTaken(), 3, headAt(3), lines.slice(3))).to.deep.equal({ kind: 'gap', expected: 2 })
    expect(placeLines(twoTaken(), 0, headAt(0), lines.slice(0, 1))).to.deep.equal({ kind: 'gap', expected: 2 })
  })

  it('answers a fork when one old byte, the order or the head differs', () => {
    const edited = [lines[0] as Uint8Array, aLine('orch-2', '2'), lines[2] as Uint8Array]
    const swapped = [lines[1] as Uint8Array, lines[0] as Uint8Array, lines[2] as Uint8Array]
    for (const rewritten of [edited, swapped]) {
      expect(placeLines(twoTaken(), 0, headAt(0), rewritten)).to.deep.equal({ kind: 'fork', index: 0 })
    }
    expect(placeLines(twoTaken(), 2, headAt(1), lines.slice(2))).to.deep.equal({ kind: 'fork', index: 2 })
  })
})
