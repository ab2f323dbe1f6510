import { Encoder } from 'cbor-x'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  CBOR_DEPTH_MAX,
  type CborInput,
  type CborOptions,
  type CborValue,
  decodeCbor,
  encodeCbor,
} from '../../../../enclave/protocol/cbor.ts'
import { AssertionError, CodedError } from '../../../../enclave/protocol/errors.ts'
import { codeOf } from '../../../builders/refusals.ts'

const CANONICAL: CborOptions = { canonical: true }
const LOOSE: CborOptions = { canonical: false }
const MUTATIONS = 20_000

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function isBug(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch (error) {
    return error instanceof AssertionError
  }
}

/** Rows of RFC 8949 appendix A inside the accepted subset. */
const RFC_ROWS: readonly (readonly [string, CborInput])[] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['1bffffffffffffffff', 18_446_744_073_709_551_615n],
  ['3bffffffffffffffff', -18_446_744_073_709_551_616n],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', new Uint8Array(0)],
  ['4401020304', Uint8Array.of(1, 2, 3, 4)],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', 'ü'],
  ['63e6b0b4', '水'],
  ['64f0908591', '𐅑'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  [`9819${'0102030405060708090a0b0c0d0e0f101112131415161718181819'}`, Array.from({ length: 25 }, (_, at) => at + 1)],
  ['a0', {}],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['826161a161626163', ['a', { b: 'c' }]],
  ['a56161614161626142616361436164614461656145', { a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }],
]

describe('CBOR: encoding', () => {
  it('gives the bytes of RFC 8949 appendix A, and reads them back', () => {
    for (const [hex, value] of RFC_ROWS) {
      expect(hexOf(encodeCbor(value)), hex).to.equal(hex)
      expect(decodeCbor(bytesOf(hex), CANONICAL), hex).to.deep.equal(value)
    }
  })

  it('takes the shortest head on both sides of every width', () => {
    const edges: [number | bigint, string][] = [
      [23, '17'],
      [24, '1818'],
      [255, '18ff'],
      [256, '190100'],
      [65_535, '19ffff'],
      [65_536, '1a00010000'],
      [4_294_967_295, '1affffffff'],
      [4_294_967_296, '1b0000000100000000'],
      [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
      [2n ** 53n, '1b0020000000000000'],
      [Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
      [-(2n ** 53n), '3b001fffffffffffff'],
      [5n, '05'],
      [-1n, '20'],
      [-0, '00'],
    ]
    for (const [value, hex] of edges) {
      expect(hexOf(encodeCbor(value)), `${value}`).to.equal(hex)
      const back = decodeCbor(bytesOf(hex), CANONICAL)
      expect(BigInt(back as number), `${value}`).to.equal(BigInt(value))
      expect(typeof back).to.equal(Number.isSafeInteger(Number(value)) ? 'number' : 'bigint')
    }
  })

  it('sorts keys by their encoded bytes: shorter first, then bytewise, numbers and astral characters included', () => {
    const map = { z: 1, aa: 2, 10: 3, '': 4, '\uffee': 5, '\u{1f600}': 6, é: 7, zz: 8 }
    const keys = Object.keys(decodeCbor(encodeCbor(map), CANONICAL) as object)
    // JavaScript lists the number first wherever it stands; the bytes below tell its true place.
    expect(keys).to.deep.equal(['10', '', 'z', 'aa', 'zz', 'é', '\uffee', '\u{1f600}'])
    expect(hexOf(encodeCbor(map)).indexOf('623130')).to.be.greaterThan(hexOf(encodeCbor(map)).indexOf('617a'))
  })

  it('gives the same bytes for every order of the same keys', () => {
    fc.assert(
      fc.property(fc.dictionary(aKey(), fc.integer()), fc.integer(), (map, seed) => {
        const shuffled = Object.entries(map).sort(([a], [b]) => ((seed ^ a.length) & 1 ? 1 : -1) * (a < b ? 1 : -1))
        expect(hexOf(encodeCbor(Object.fromEntries(shuffled)))).to.equal(hexOf(encodeCbor(map)))
      }),
    )
  })

  it('takes floats, undefined, lone surrogates, 65-bit integers and endless nesting for bugs of ours', () => {
    let deep: CborInput = 0
    for (let level = 0; level <= CBOR_DEPTH_MAX; level++) deep = [deep]
    const bugs: unknown[] = [
      0.5,
      Number.NaN,
      2 ** 53,
      undefined,
      { a: undefined },
      '\ud800',
      { '\udfff': 1 },
      2n ** 64n,
    ]
    for (const bug of [...bugs, -(2n ** 64n) - 1n, deep, Symbol('x')]) {
      expect(isBug(() => encodeCbor(bug as CborInput))).to.equal(true)
    }
  })

  it('writes amounts as decimal text when a message asks for it, and leaves all else alone', () => {
    const value = { amountWei: 10n ** 30n, seq: 7 }
    expect(decodeCbor(encodeCbor(value, { bigintAsText: true }), LOOSE)).to.deep.equal({
      amountWei: `1${'0'.repeat(30)}`,
      seq: 7,
    })
  })
})

describe('CBOR: reading', () => {
  const refusedAlways: readonly (readonly [string, string])[] = [
    ['', 'no byte at all'],
    ['0000', 'bytes left over'],
    ['c000', 'a tag'],
    ['c249010000000000000000', 'a bignum'],
    ['d9d9f700', 'the self-described tag'],
    ['f90000', 'a half float'],
    ['fa47c35000', 'a single float'],
    ['fb3ff199999999999a', 'a double float'],
    ['f7', 'undefined'],
    ['f0', 'simple value 16'],
    ['f8ff', 'simple value 255'],
    ['ff', 'a lone break'],
    ['1c', 'additional information 28'],
    ['1f', 'an indefinite integer'],
    ['5f4101ff', 'an indefinite byte string'],
    ['7f6161ff', 'an indefinite text'],
    ['a2616101616102', 'a doubled key'],
    ['a10001', 'an integer key'],
    ['a1410101', 'a bytes key'],
    ['a1f601', 'a null key'],
    ['a1695f5f70726f746f5f5f01', '__proto__ as key'],
    ['61ff', 'text that is not UTF-8'],
    ['62c328', 'text with a broken sequence'],
    ['63eda080', 'a surrogate in UTF-8'],
    ['62c080', 'an overlong NUL'],
    ['a161ff01', 'a key that is not UTF-8'],
    ['18', 'a head cut short'],
    ['1b00000000', 'an integer cut short'],
    ['4401', 'bytes cut short'],
    ['6461', 'text cut short'],
    ['8201', 'an array cut short'],
    ['a16161', 'a map without its last value'],
    ['9bffffffffffffffff', 'an array longer than any memory'],
    ['9a10000000', 'an array longer than the buffer'],
    ['ba10000000', 'a map longer than the buffer'],
    ['5b7fffffffffffffff', 'bytes longer than the buffer'],
    ['9f01', 'an indefinite array without its break'],
    ['bf616101', 'an indefinite map without its break'],
    ['bf6161ff', 'a break in the place of a value'],
  ]

  for (const [hex, claim] of refusedAlways) {
    it(`refuses ${claim} (${hex}) with and without the canonical rule`, () => {
      expect(codeOf(() => decodeCbor(bytesOf(hex), LOOSE))).to.equal('CBOR_SYNTAX')
      expect(codeOf(() => decodeCbor(bytesOf(hex), CANONICAL))).to.be.oneOf(['CBOR_SYNTAX', 'CBOR_NOT_CANONICAL'])
    })
  }

  const loose: readonly (readonly [string, string, CborValue])[] = [
    ['1817', 'a number in two bytes that fits one', 23],
    ['1900ff', 'a number in three bytes that fits two', 255],
    ['1a0000ffff', 'a number in five bytes that fits three', 65_535],
    ['1b00000000ffffffff', 'a number in nine bytes that fits five', 4_294_967_295],
    ['380a', 'a negative number in two bytes that fits one', -11],
    ['580101', 'a long length of bytes', Uint8Array.of(1)],
    ['780161', 'a long length of text', 'a'],
    ['b90001616101', 'a long count of pairs, as cbor-x writes it', { a: 1 }],
    ['980101', 'a long count of items', [1]],
    ['9f0102ff', 'an indefinite array', [1, 2]],
    ['bf616101ff', 'an indefinite map', { a: 1 }],
    ['a2616201616102', 'unsorted keys', { b: 1, a: 2 }],
    ['a262616101616202', 'a longer key before a shorter one', { aa: 1, b: 2 }],
  ]

  for (const [hex, claim, value] of loose) {
    it(`reads ${claim} (${hex}) as a message, and refuses it where bytes are hashed`, () => {
      expect(decodeCbor(bytesOf(hex), LOOSE)).to.deep.equal(value)
      expect(codeOf(() => decodeCbor(bytesOf(hex), CANONICAL))).to.equal('CBOR_NOT_CANONICAL')
    })
  }

  it('keeps a byte order mark, and a NUL, as the characters that they are', () => {
    for (const text of ['\ufeffa', 'a\0b', '\ufeff'.repeat(30)])
      expect(decodeCbor(encodeCbor(text), CANONICAL)).to.equal(text)
  })

  it('reads integer keys as decimal text only where asked, and still refuses a doubled one', () => {
    const pcrs = { canonical: true, integerKeys: true }
    expect(decodeCbor(bytesOf('a200410118184102'), pcrs)).to.deep.equal({ 0: Uint8Array.of(1), 24: Uint8Array.of(2) })
    expect(codeOf(() => decodeCbor(bytesOf('a200010002'), pcrs))).to.equal('CBOR_SYNTAX')
    expect(codeOf(() => decodeCbor(bytesOf('a20001613002'), pcrs))).to.equal('CBOR_SYNTAX')
    expect(codeOf(() => decodeCbor(bytesOf('a2010001ff'), pcrs))).to.equal('CBOR_SYNTAX')
  })

  it('refuses one level or one value above the limit, and accepts the limit itself', () => {
    expect(decodeCbor(bytesOf('818100'), { canonical: true, depthMax: 2 })).to.deep.equal([[0]])
    expect(codeOf(() => decodeCbor(bytesOf('81818100'), { canonical: true, depthMax: 2 }))).to.equal('CBOR_SYNTAX')
    expect(decodeCbor(bytesOf('820102'), { canonical: true, itemsMax: 3 })).to.deep.equal([1, 2])
    expect(codeOf(() => decodeCbor(bytesOf('83010203'), { canonical: true, itemsMax: 3 }))).to.equal('CBOR_SYNTAX')
    expect(codeOf(() => decodeCbor(new Uint8Array(1_000_000).fill(0x81), LOOSE))).to.equal('CBOR_SYNTAX')
    expect(codeOf(() => decodeCbor(new Uint8Array(1_000_000).fill(0x9f), LOOSE))).to.equal('CBOR_SYNTAX')
  })

  it('keeps byte strings of every size apart, however many are read and written after them', () => {
    const sizes = [0, 1, 63, 64, 65, 300, 4_095, 4_096, 4_097, 65_536, 70_000]
    const made = Array.from({ length: 300 }, (_, at) => new Uint8Array(sizes[at % sizes.length] as number).fill(at))
    const written = made.map((bytes) => encodeCbor(bytes))
    const read = written.map((bytes) => decodeCbor(bytes, CANONICAL) as Uint8Array)
    for (const bytes of written) bytes.fill(0xee)
    expect(read.map(hexOf)).to.deep.equal(made.map(hexOf))
    for (const [at, bytes] of read.entries()) {
      bytes.fill(0xdd)
      expect(hexOf(read[at + 1] ?? bytes)).to.equal(hexOf(made[at + 1] ?? bytes))
    }
  })

  it('writes the same after a bug of ours stopped a writer halfway, and inside another writer', () => {
    const value: CborInput = { a: 'x'.repeat(400), é: 1, '\u{1f3ac}': 2, bb: [new Uint8Array(100).fill(7)] }
    const before = hexOf(encodeCbor(value))
    expect(isBug(() => encodeCbor({ a: 'y'.repeat(300), b: 0.5 }))).to.equal(true)
    expect(hexOf(encodeCbor(value))).to.equal(before)
    expect(decodeCbor(bytesOf(before), CANONICAL)).to.deep.equal(value)
  })

  it('returns byte strings that do not change when the frame they came in is reused', () => {
    const frame = Buffer.from('4401020304', 'hex')
    const value = decodeCbor(frame, CANONICAL) as Uint8Array
    frame.fill(0)
    expect(hexOf(value)).to.equal('01020304')
    expect(value.constructor).to.equal(Uint8Array)
  })
})

function aKey(): fc.Arbitrary<string> {
  return fc.string({ unit: 'grapheme', maxLength: 12 }).filter((key) => key !== '__proto__' && key.isWellFormed())
}

function aValue(): fc.Arbitrary<CborInput> {
  return fc.letrec<{ value: CborInput }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.maxSafeInteger(),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 30 }),
      fc.dictionary(aKey(), tie('value'), { noNullPrototype: true }),
    ),
  })).value
}

describe('CBOR: round trips and hostile bytes', function () {
  this.timeout(60_000)
  it('reads back whatever it writes, under the canonical rule', () => {
    fc.assert(
      fc.property(aValue(), (value) => {
        expect(decodeCbor(encodeCbor(value), CANONICAL)).to.deep.equal(value)
      }),
    )
  })

  it('accepts as canonical only bytes that it would write itself', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 24 }), (bytes) => {
        let value: CborValue
        try {
          value = decodeCbor(bytes, CANONICAL)
        } catch {
          return
        }
        expect(hexOf(encodeCbor(value))).to.equal(hexOf(bytes))
      }),
      { numRuns: 5_000 },
    )
  })

  it('agrees with cbor-x on every value that cbor-x can carry, in both directions', () => {
    const other = new Encoder({
      useRecords: false,
      variableMapSize: true,
      tagUint8Array: false,
      largeBigIntToFloat: false,
    })
    const shared = fc.oneof(fc.integer(), fc.string({ unit: 'grapheme' }), fc.boolean(), fc.constant(null))
    fc.assert(
      fc.property(fc.dictionary(aKey(), fc.oneof(shared, fc.array(shared)), { noNullPrototype: true }), (map) => {
        expect(decodeCbor(new Uint8Array(other.encode(map)), LOOSE)).to.deep.equal(map)
        expect(other.decode(encodeCbor(map))).to.deep.equal(map)
      }),
    )
  })

  it('shows why cbor-x does not stand in its place: doubled keys, floats above 32 bits', () => {
    const other = new Encoder({ useRecords: false })
    expect(other.decode(bytesOf('a2616101616102'))).to.deep.equal({ a: 2 })
    expect(hexOf(new Uint8Array(other.encode(2 ** 33)))).to.match(/^fb/)
    expect(hexOf(encodeCbor(2 ** 33))).to.equal('1b0000000200000000')
  })

  it('answers mutated entries with a value or a coded refusal, never with anything else', () => {
    const honest = encodeCbor({
      i: 1,
      v: 1,
      at: 1_760_000_000,
      body: { id: 'orch-é', h: new Uint8Array(32), l: [1, -5, null] },
      type: 'credit',
    })
    let state = 0x2545f491
    const draw = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    for (let round = 0; round < MUTATIONS; round++) {
      const bytes = honest.slice(0, draw(8) === 0 ? draw(honest.length) : honest.length)
      for (let flips = 1 + draw(3); flips > 0 && bytes.length > 0; flips--) bytes[draw(bytes.length)] = draw(256)
      for (const options of [CANONICAL, LOOSE]) expectRefusalOrValue(bytes, options)
    }
  })
})

function expectRefusalOrValue(bytes: Uint8Array, options: CborOptions): void {
  try {
    decodeCbor(bytes, options)
  } catch (error) {
    if (!(error instanceof CodedError)) throw new Error(`not a refusal for ${hexOf(bytes)}`, { cause: error })
  }
}
