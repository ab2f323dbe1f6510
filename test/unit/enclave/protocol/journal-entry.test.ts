import { expect } from 'chai'
import fc from 'fast-check'
import { encodeCbor } from '../../../../enclave/protocol/cbor.ts'
import { type Body, bodies, decodeEntry, type Entry, encodeEntry } from '../../../../enclave/protocol/entry.ts'
import { PROTOCOL_VERSION } from '../../../../enclave/protocol/header.ts'
import { fromHex, toHash } from '../../../../enclave/protocol/ids.ts'
import { encodeJournalCredit } from '../../../../enclave/protocol/journal-entry.ts'
import { wei } from '../../../../enclave/protocol/money.ts'

type JournalBody = Extract<Body<'credit'>, { source: 'journal' }>

const number = fc.oneof(fc.nat(30), fc.nat(70_000), fc.maxSafeNat())
const text = (charactersMax: number) => fc.string({ unit: 'binary', minLength: 1, maxLength: charactersMax })
/** At most so many bytes, whatever the characters. */
const body: fc.Arbitrary<JournalBody> = fc.record({
  source: fc.constant('journal' as const),
  account: fc.nat(2 ** 31 - 1),
  id: text(32),
  wei: fc.bigInt({ min: 0n, max: 2n ** 96n - 1n }).map(wei),
  line: number,
  hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHash),
  amount: text(16),
  reason: text(32),
})

/** The general way: described, made a map, sorted and written. */
function general(i: number, at: number, credit: JournalBody): Uint8Array {
  const map = { i, v: PROTOCOL_VERSION, at, body: bodies.credit.encode(credit), type: 'credit' }
  return encodeCbor(map)
}

function quick(v: number, i: number, at: number, credit: JournalBody): string {
  return Buffer.from(encodeJournalCredit(v, i, at, credit, fromHex(credit.hash))).toString('hex')
}

describe('the entry of a journal credit', () => {
  it('has byte for byte what the general codec gives, for any text, amount and number', () => {
    fc.assert(
      fc.property(number, number, body, (i, at, credit) => {
        const bytes = quick(PROTOCOL_VERSION, i, at, credit)
        expect(bytes).to.equal(Buffer.from(general(i, at, credit)).toString('hex'))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is what an entry of the log is encoded as, and reads back as itself', () => {
    fc.assert(
      fc.property(number, number, body, (i, at, credit) => {
        const entry: Entry = { v: PROTOCOL_VERSION, i, at, type: 'credit', body: credit }
        expect(decodeEntry(encodeEntry(entry))).to.deep.equal(entry)
        expect(encodeEntry(entry)).to.deep.equal(general(i, at, credit))
      }),
    )
  })

  it('differs for every field that differs', () => {
    const [credit, other] = fc.sample(body, { numRuns: 2, seed: 7 }) as [JournalBody, JournalBody]
    const honest = quick(2, 3, 4, credit)
    const changed = Object.keys(credit).filter((key) => key !== 'source')
    for (const key of changed) {
      const one = { ...credit, [key]: other[key as keyof JournalBody] }
      expect(quick(2, 3, 4, one), key).to.not.equal(honest)
    }
    for (const [v, i, at] of [
      [1, 3, 4],
      [2, 5, 4],
      [2, 3, 5],
    ] as const)
      expect(quick(v, i, at, credit)).to.not.equal(honest)
  })
})
