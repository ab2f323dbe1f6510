import { expect } from 'chai'
import fc from 'fast-check'
import { readPlainLine } from '../../../../enclave/core/plain-line.ts'
import { parseStrictJson } from '../../../../enclave/protocol/strict-json.ts'
import { newDice } from '../../../../scripts/journal/dice.ts'
import { generateJournal } from '../../../../scripts/journal/generate.ts'

const NAMES = ['event', 'orchestrator_id', 'amount', 'delta', 'reason'] as const
const LINES = [...generateJournal({ seed: 20_261_121, lines: 2_000 })].map((line) => new Uint8Array(line))
const MUTATIONS = 40_000
/** Characters on which a reading of JSON turns. */
const TURNS = '{}[]",:\\ue0.-\n tnf'

function lineOf(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\n`)
}

/** What the strict reader finds, or its verdict on a line that it refuses. */
function strictly(line: Uint8Array): object | string {
  const parsed = parseStrictJson(line.subarray(0, line.length - 1))
  if (parsed.kind !== 'object') return parsed.kind
  return Object.fromEntries(NAMES.map((name) => [name, parsed.value[name]]))
}

/** Where the plain reader answers, it says what the strict one says. True when it answered. */
function agrees(line: Uint8Array): boolean {
  const fields = readPlainLine(line)
  if (fields !== undefined) expect(fields, Buffer.from(line).toString()).to.deep.equal(strictly(line))
  return fields !== undefined
}

describe('the plain reading of a line', () => {
  it('answers for 99 of 100 lines of a real journal, and as the strict one does for each', () => {
    const answered = LINES.filter(agrees).length
    expect(answered).to.be.greaterThan(LINES.length * 0.99)
  })

  it('agrees with the strict one on any object in its compact form', () => {
    const inner = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double(), fc.jsonValue()), { maxKeys: 6 })
    const object = fc.tuple(
      inner,
      fc.record({ event: fc.constant('credit'), amount: fc.string(), reason: fc.string() }),
    )
    let answered = 0
    fc.assert(
      fc.property(object, (parts) => {
        if (agrees(lineOf(JSON.stringify(Object.assign({}, ...parts))))) answered++
      }),
      { numRuns: 2_000 },
    )
    expect(answered).to.be.greaterThan(100)
  })

  it('agrees with the strict one on honest lines with bytes changed, doubled and taken away', function () {
    this.timeout(60_000)
    const dice = newDice(7)
    const short = LINES.filter((line) => line.length < 1_000)
    let answered = 0
    for (let count = 0; count < MUTATIONS; count++) {
      const line = [...dice.pick(short)]
      for (let change = dice.between(1, 3); change > 0; change--) {
        const at = dice.below(line.length - 1)
        const byte = dice.below(4) === 0 ? dice.below(256) : TURNS.charCodeAt(dice.below(TURNS.length))
        if (byte !== 10) line.splice(at, dice.below(3), ...(dice.below(3) === 0 ? line.slice(at, at + 20) : [byte]))
      }
      if (agrees(Uint8Array.from(line))) answered++
    }
    expect(answered).to.be.greaterThan(MUTATIONS / 20)
  })

  it('reads the five texts wherever they stand at the top, empty ones too, and nothing of the same name below', () => {
    const text =
      '{"metadata":{"amount":"9","event":"x"},"reason":"","amount":"0.5","event":"credit","orchestrator_id":"a"}'
    expect(readPlainLine(lineOf(text))).to.deep.equal({
      event: 'credit',
      orchestrator_id: 'a',
      amount: '0.5',
      delta: undefined,
      reason: '',
    })
    expect(agrees(lineOf('{}'))).to.equal(true)
    expect(agrees(lineOf('{"delta":"0.5","amount":"0.5"}'))).to.equal(true)
    expect(agrees(lineOf('{"delta":"0.50","amount":"0.5"}'))).to.equal(true)
  })

  const left: readonly (readonly [what: string, line: string])[] = [
    ['a key twice', '{"amount":"1","amount":"2"}'],
    ['a key twice below', '{"m":{"a":1,"b":2,"a":1}}'],
    ['a key spelt with an escape', '{"amount":"1","am\\u006funt":"2"}'],
    ['an amount that is no text', '{"amount":5}'],
    ['a reason of null', '{"reason":null}'],
    ['an escape that is none', '{"a":"\\x"}'],
    ['an escape cut short', '{"a":"\\u12"}'],
    ['white space', '{"a": 1}'],
    ['an array', '{"a":[1]}'],
    ['an exponent', '{"a":1e3}'],
    ['a leading zero', '{"a":01}'],
    ['a point without digits', '{"a":1.}'],
    ['a sign alone', '{"a":-}'],
    ['a word that is none', '{"a":nulL}'],
    ['a comma at the end', '{"a":1,}'],
    ['no object', '"a"'],
    ['nothing', ''],
    ['more behind it', '{"a":1}{"a":1}'],
    ['five levels', '{"a":{"a":{"a":{"a":{"a":1}}}}}'],
    ['a key that every object has', '{"__proto__":"a"}'],
    ['that key below', '{"a":{"__proto__":"a"}}'],
    ['a character beyond ASCII', '{"a":"é"}'],
    ['a control character', '{"a":"\u0001"}'],
    ['a byte order mark', '\ufeff{"a":1}'],
    ['more keys than it compares', `{${Array.from({ length: 33 }, (_, at) => `"k${at}":1`).join(',')}}`],
  ]
  for (const [what, line] of left) {
    it(`leaves a line to the strict one that has ${what}`, () => {
      expect(readPlainLine(lineOf(line))).to.equal(undefined)
    })
  }

  it('reads a text that is spelt with escapes, a lone surrogate too, as the strict one does', () => {
    for (const text of [
      'orch-caf\\u00e9',
      '\\ud83c\\udfac',
      '\\ud800',
      '\\"\\\\\\/\\b\\f\\n\\r\\t',
      '\\u0022\\u005C',
      '\\u0000',
    ])
      for (const name of NAMES) expect(agrees(lineOf(`{"${name}":"${text}"}`)), text).to.equal(true)
    expect(readPlainLine(lineOf('{"amount":"\\u0031","delta":"\\u0031"}'))).to.include({ amount: '1', delta: '1' })
  })

  it('leaves a line without its newline, and an honest one cut anywhere', () => {
    const whole = lineOf('{"event":"credit","amount":"1","m":{"a":"\\u00e9","b":-1.5,"c":true}}')
    expect(agrees(whole)).to.equal(true)
    for (let end = 0; end < whole.length; end++) expect(readPlainLine(whole.subarray(0, end))).to.equal(undefined)
  })

  it('remembers nothing of the line before', () => {
    readPlainLine(lineOf('{"event":"credit","orchestrator_id":"a","amount":"1","delta":"1","reason":"r"}'))
    expect(Object.values(readPlainLine(lineOf('{"z":"y"}')) ?? {})).to.deep.equal(Array(5).fill(undefined))
  })
})
