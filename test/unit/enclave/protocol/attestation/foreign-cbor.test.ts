import { expect } from 'chai'
import { FOREIGN_DEPTH_MAX, readForeign } from '../../../../../enclave/protocol/attestation/foreign-cbor.ts'
import { verdictOf } from '../../../../builders/expectations.ts'
import {
  BREAK,
  HALF_FLOAT,
  head,
  NULL,
  openArray,
  openHead,
  openMap,
  openString,
  rawArray,
  rawBytes,
  rawMap,
  rawText,
  rawUint,
  TRUE,
} from '../../../../builders/raw-cbor.ts'

const REFUSED = 'ATTESTATION_PAYLOAD'
const read = (bytes: Uint8Array) => readForeign(bytes, REFUSED)
const verdict = (bytes: Uint8Array) => verdictOf(() => read(bytes))
const join = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

describe('CBOR of an NSM', () => {
  it('is read with its integers to the last bit, its strings, lists and maps', () => {
    for (const [bytes, value] of [
      [rawUint(0), 0],
      [rawUint(23), 23],
      [rawUint(2 ** 32), 2 ** 32],
      [rawUint(2 ** 53 - 1), 2 ** 53 - 1],
      [rawUint(2n ** 53n), 2n ** 53n],
      [rawUint(2n ** 64n - 1n), 2n ** 64n - 1n],
      [head('negative', 0), -1],
      [head('negative', 2 ** 53 - 2), -(2 ** 53 - 1)],
      [head('negative', 2 ** 53 - 1), -(2n ** 53n)],
      [head('negative', 2n ** 64n - 1n), -(2n ** 64n)],
      [rawText('é'), 'é'],
      [rawBytes(Uint8Array.of(7)), Uint8Array.of(7)],
      [NULL, null],
      [openArray([rawUint(1), openArray([])]), [1, []]],
      [rawArray([rawUint(1), NULL]), [1, null]],
    ] as const)
      expect(read(bytes)).to.deep.equal(value)
    const pairs = [
      [rawText('1'), rawUint(1)],
      [rawUint(1), rawUint(2)],
      [head('negative', 0), rawUint(3)],
    ] as const
    for (const map of [rawMap(pairs), openMap(pairs)])
      expect(read(map)).to.deep.equal(
        new Map<string | number, number>([
          ['1', 1],
          [1, 2],
          [-1, 3],
        ]),
      )
  })

  it('has one form for each number and length: the shortest', () => {
    for (const bytes of [
      rawUint(23, 1),
      rawUint(255, 2),
      rawUint(65_535, 4),
      rawUint(2 ** 32 - 1, 8),
      head('negative', 23, 1),
      rawBytes(Uint8Array.of(7), 1),
      rawText('a', 2),
      join(head('array', 1, 1), NULL),
      join(head('map', 1, 4), rawUint(1), NULL),
    ])
      expect(verdict(bytes)).to.equal(REFUSED)
  })

  it('has no strings in pieces, no tags, no floats, no truth and nothing reserved', () => {
    for (const bytes of [
      openString('bytes', Uint8Array.of(1, 2)),
      openString('text', Uint8Array.of(0x61, 0x62)),
      join(head('tag', 24), rawBytes(Uint8Array.of(1))),
      HALF_FLOAT,
      TRUE,
      Uint8Array.of(0xf4),
      Uint8Array.of(0xf7),
      Uint8Array.of(0xf8, 0xf6),
      Uint8Array.of(0xfb, 0, 0, 0, 0, 0, 0, 0, 0),
      Uint8Array.of(0x1c),
      Uint8Array.of(0x1f),
      Uint8Array.of(0x3f),
      Uint8Array.of(0x5c),
      BREAK,
      join(rawText(''), NULL),
      Uint8Array.of(0x62, 0xc3, 0x28),
      Uint8Array.of(0x63, 0xed, 0xa0, 0x80),
    ])
      expect(verdict(bytes), Buffer.from(bytes).toString('hex')).to.equal(REFUSED)
  })

  it('ends where it says: counts are held against what is left before anything is done', () => {
    for (const major of ['bytes', 'text', 'array', 'map'] as const)
      for (const count of [1, 2 ** 32 - 1, 2n ** 53n, 2n ** 64n - 1n])
        expect(verdict(head(major, count))).to.equal(REFUSED)
    // A map of two needs four bytes.
    expect(verdict(join(head('map', 2), rawUint(1), NULL, rawUint(2)))).to.equal(REFUSED)
    expect(verdict(openHead('array'))).to.equal(REFUSED)
    expect(verdict(join(openHead('map'), rawUint(1), BREAK))).to.equal(REFUSED)
    expect(verdict(join(head('array', 1), BREAK))).to.equal(REFUSED)
    expect(verdict(new Uint8Array(0))).to.equal(REFUSED)
  })

  it('nests no deeper than its limit', () => {
    const nested = (levels: number): Uint8Array => (levels === 0 ? NULL : rawArray([nested(levels - 1)]))
    expect(verdict(nested(FOREIGN_DEPTH_MAX))).to.equal('accepted')
    expect(verdict(nested(FOREIGN_DEPTH_MAX + 1))).to.equal(REFUSED)
    expect(verdict(new Uint8Array(100_000).fill(0x81))).to.equal(REFUSED)
    expect(verdict(new Uint8Array(100_000).fill(0x9f))).to.equal(REFUSED)
  })

  it('has each key once, and keys of text or number alone', () => {
    const twice = (key: Uint8Array) =>
      [
        [key, NULL],
        [key, rawUint(1)],
      ] as const
    for (const key of [rawText('a'), rawUint(7), rawUint(2n ** 60n), head('negative', 7)])
      for (const map of [rawMap(twice(key)), openMap(twice(key))]) expect(verdict(map)).to.equal(REFUSED)
    for (const key of [rawBytes(Uint8Array.of(1)), NULL, rawArray([]), rawMap([])])
      expect(verdict(rawMap([[key, NULL]]))).to.equal(REFUSED)
  })

  it('hands out copies: what its reader does with them changes no other', () => {
    const bytes = rawBytes(Uint8Array.of(1, 2, 3))
    const value = read(bytes) as Uint8Array
    value.fill(9)
    expect(bytes).to.deep.equal(rawBytes(Uint8Array.of(1, 2, 3)))
    expect(Buffer.isBuffer(read(Buffer.from(bytes)))).to.equal(false)
  })
})
