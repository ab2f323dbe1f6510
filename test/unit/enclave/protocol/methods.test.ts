import { expect } from 'chai'
import fc from 'fast-check'
import { z } from 'zod'
import { ZERO_HASH } from '../../../../enclave/protocol/ids.ts'
import { LINE_BYTES_MAX, LINES_MAX, METHODS } from '../../../../enclave/protocol/methods.ts'
import { bytes, count, hash } from '../../../../enclave/protocol/params.ts'

/** What one line may be, said as a schema and nothing else. */
const line = z.union([bytes, z.strictObject({ hash, bytes: count.min(LINE_BYTES_MAX + 1) })])
const general = z.array(line).max(LINES_MAX)

const LONG = { hash: new Uint8Array(32).fill(7), bytes: LINE_BYTES_MAX + 1 }

/** What is read of these lines, or which of them is the first that is wrong: of none where there is no list. */
function quickly(lines: unknown): unknown {
  const { data, error } = METHODS.apply_events.params.safeParse({ firstIndex: 0, head: ZERO_HASH, lines })
  return data?.lines ?? error?.issues[0]?.path.slice(1, 2)
}

function generally(lines: unknown): unknown {
  const { data, error } = general.safeParse(lines)
  return data ?? error?.issues[0]?.path.slice(0, 1)
}

describe('the lines of a call', () => {
  const bytesLine = fc.uint8Array({ maxLength: 40 })
  const odd = fc.constantFrom<unknown>(
    '0x7b7d0a',
    '0x7B7D0A',
    '0x7',
    'x',
    '',
    LONG,
    { ...LONG, hash: ZERO_HASH },
    { ...LONG, hash: '0x00' },
    { ...LONG, bytes: LINE_BYTES_MAX },
    { ...LONG, more: 1 },
    { hash: ZERO_HASH },
    {},
    [],
    null,
    undefined,
    7,
    true,
    10n,
    Array.from({ length: 3 }, () => 7),
  )

  it('are read as a schema of each line reads them, and refused where it refuses them', () => {
    let taken = 0
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 6, arbitrary: bytesLine }, odd), { maxLength: 6 }), (lines) => {
        expect(quickly(lines)).to.deep.equal(generally(lines))
        if (general.safeParse(lines).success) taken++
      }),
      { numRuns: 3_000 },
    )
    expect(taken).to.be.greaterThan(300)
  })

  it('are the very bytes that came, where nothing else came', () => {
    const lines = [Uint8Array.of(1, 10), Buffer.from([2, 10])]
    const read = quickly(lines) as readonly Uint8Array[]
    expect(read).to.have.length(2)
    for (const [at, one] of read.entries()) expect(one).to.equal(lines[at])
  })

  it('are at most LINES_MAX, in a list', () => {
    const most = Array.from({ length: LINES_MAX }, () => Uint8Array.of(10))
    expect(quickly(most)).to.deep.equal(most)
    for (const wrong of [[...most, Uint8Array.of(10)], new Uint8Array(3), { length: 0 }, 'lines', null, undefined, 3])
      expect(quickly(wrong), String(wrong).slice(0, 20)).to.deep.equal([])
  })
})
