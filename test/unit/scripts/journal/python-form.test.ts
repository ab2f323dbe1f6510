import { expect } from 'chai'
import { addDecimal, decimalText, pythonJson, timestampText } from '../../../../scripts/journal/python-form.ts'

// Right-hand sides as printed by CPython 3.11: str(Decimal), Decimal + Decimal, json.dumps, datetime.isoformat.
describe('forms of Python', () => {
  const printed: readonly (readonly [bigint, number, string])[] = [
    [5n, -2, '0.05'],
    [5_353_596n, -14, '5.353596E-8'],
    [0n, -18, '0E-18'],
    [1n, -6, '0.000001'],
    [1n, -7, '1E-7'],
    [-12n, -1, '-1.2'],
    [12n, 0, '12'],
    [12n, 2, '1.2E+3'],
    [1_000n, -3, '1.000'],
  ]
  for (const [coefficient, exponent, text] of printed) {
    it(`prints ${coefficient} times ten to the ${exponent} as ${text}`, () => {
      expect(decimalText({ coefficient, exponent })).to.equal(text)
    })
  }

  it('adds with the finer exponent and keeps 28 digits, halves to even', () => {
    const sum = addDecimal({ coefficient: 1n, exponent: 0 }, { coefficient: 5n, exponent: -20 })
    expect(decimalText(sum)).to.equal('1.00000000000000000005')
    const long = addDecimal({ coefficient: 10n ** 27n, exponent: 0 }, { coefficient: 5n, exponent: -1 })
    expect(decimalText(long)).to.equal('1000000000000000000000000000')
    const odd = addDecimal({ coefficient: 10n ** 27n + 1n, exponent: 0 }, { coefficient: 5n, exponent: -1 })
    expect(decimalText(odd)).to.equal('1000000000000000000000000002')
  })

  it('escapes beyond ASCII unit by unit and keeps the order of keys', () => {
    const text = pythonJson([
      ['b', 'café 🎬'],
      ['a', [['10', null]]],
    ])
    expect(text).to.equal('{"b":"caf\\u00e9 \\ud83c\\udfac","a":{"10":null}}')
  })

  it('leaves the fraction out when the microseconds are zero', () => {
    expect(timestampText(1_792_130_400_000_000n)).to.equal('2026-10-16T06:00:00+00:00')
    expect(timestampText(1_792_130_400_000_007n)).to.equal('2026-10-16T06:00:00.000007+00:00')
  })
})
