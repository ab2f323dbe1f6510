import { expect } from 'chai'
import fc from 'fast-check'
import { readPlainLine } from '../../../../enclave/core/plain-line.ts'
import { parseEther, plainEther } from '../../../../enclave/protocol/money.ts'
import { generateJournal } from '../../../../scripts/journal/generate.ts'

const LINES = [...generateJournal({ seed: 20_261_121, lines: 2_000 })].map((line) => new Uint8Array(line))

/** parseEther's value, undefined where it refuses. */
function etherOf(text: string): bigint | undefined {
  try {
    return parseEther(text)
  } catch {
    return undefined
  }
}

describe('the plain reading of an amount', () => {
  /** Where it answers, it says what parseEther says. True when it answered. */
  function isAgreed(text: string): boolean {
    const value = plainEther(text)
    if (value !== undefined) expect(value, text).to.equal(etherOf(text))
    return value !== undefined
  }

  it('answers for four in five amounts of a real journal, and as parseEther does for each', () => {
    const amounts = LINES.map((line) => readPlainLine(line)?.amount).filter((amount) => amount !== undefined)
    expect(amounts.filter(isAgreed).length).to.be.greaterThan(LINES.length * 0.8)
  })

  it('agrees with parseEther on any digits with a point, a sign or an exponent anywhere', () => {
    const unit = fc.constantFrom(...'0123456789', '.', '0', '9')
    const odd = fc.constantFrom(...'0123456789.-+eE x')
    let answered = 0
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit, maxLength: 36 }), fc.string({ unit: odd, maxLength: 8 })), (text) => {
        if (isAgreed(text)) answered++
      }),
      { numRuns: 10_000 },
    )
    expect(answered).to.be.greaterThan(1_000)
  })

  it('answers up to 32 characters and 18 decimals, and leaves what is beyond', () => {
    const within = ['9'.repeat(32), `${'9'.repeat(13)}.${'9'.repeat(18)}`, '0.000000000000000001', '007.50', '0', '0.0']
    for (const text of within) expect(isAgreed(text), text).to.equal(true)
    const beyond = [
      '1'.repeat(33),
      '0.0000000000000000001',
      `0.${'0'.repeat(31)}1`,
      '',
      '.',
      '.5',
      '5.',
      '1.2.3',
      '-1',
      '+1',
      '1e3',
      ' 1',
    ]
    for (const text of beyond) expect(plainEther(text), text).to.equal(undefined)
  })
})
