import { expect } from 'chai'
import fc from 'fast-check'
import { AssertionError } from '../../../../enclave/protocol/errors.ts'
import {
  decodeEntryBundle,
  decodeHashTile,
  ENTRY_BYTES_MAX,
  encodeEntryBundle,
  fullTiles,
  parseTilePath,
  partialWidth,
  TILE_WIDTH,
  type TileName,
  tilePath,
} from '../../../../enclave/protocol/tlog.ts'
import { codeOf } from '../../../builders/refusals.ts'

describe('tiles: paths', () => {
  const rows: [TileName, string][] = [
    [{ kind: 'hashes', level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ kind: 'hashes', level: 0, index: 5, width: 256 }, 'tile/0/005'],
    [{ kind: 'hashes', level: 0, index: 0, width: 1 }, 'tile/0/000.p/1'],
    [{ kind: 'hashes', level: 2, index: 999, width: 255 }, 'tile/2/999.p/255'],
    [{ kind: 'hashes', level: 63, index: 1000, width: 256 }, 'tile/63/x001/000'],
    [{ kind: 'entries', index: 273, width: 112 }, 'tile/entries/273.p/112'],
    [{ kind: 'entries', index: 1_000_000, width: 256 }, 'tile/entries/x001/x000/000'],
  ]

  it('writes and reads the groups of three digits, all but the last after an x', () => {
    for (const [tile, path] of rows) {
      expect(tilePath(tile)).to.equal(path)
      expect(parseTilePath(path)).to.deep.equal(tile)
    }
  })

  it('names every tile by one path, and reads that path back', () => {
    const aTile = fc.oneof(
      fc.record({
        kind: fc.constant('hashes' as const),
        level: fc.integer({ min: 0, max: 63 }),
        index: fc.maxSafeInteger().map(Math.abs),
        width: fc.integer({ min: 1, max: 256 }),
      }),
      fc.record({ kind: fc.constant('entries' as const), index: fc.nat(), width: fc.integer({ min: 1, max: 256 }) }),
    )
    fc.assert(
      fc.property(aTile, (tile) => {
        expect(parseTilePath(tilePath(tile))).to.deep.equal(tile)
      }),
    )
  })

  it('knows no second spelling of a tile, and nothing outside the tree of tiles', () => {
    const wrong = [
      'tile/0/5',
      'tile/0/0005',
      'tile/0/x000/005',
      'tile/00/005',
      'tile/64/005',
      'tile/-1/005',
      'tile/0/005.p/0',
      'tile/0/005.p/256',
      'tile/0/005.p/01',
      'tile/0/x001/x234/x067',
      'tile/0/001/067',
      'tile/0/005/',
      '/tile/0/005',
      'tile/0/../005',
      'tile/entries/',
      'tile/0/x999/x999/x999/x999/x999/999',
      'checkpoint',
      'tile/0/005\n',
    ]
    for (const path of wrong) expect(parseTilePath(path), path).to.equal(undefined)
  })
})

describe('tiles: what a log of some size has', () => {
  it('gives a log of 70,000 its 273 full tiles and partial ones of 112, 17 and 1', () => {
    const size = 70_000
    expect([0, 1, 2, 3].map((level) => fullTiles(size, level))).to.deep.equal([273, 1, 0, 0])
    expect([0, 1, 2, 3].map((level) => partialWidth(size, level))).to.deep.equal([112, 17, 1, 0])
  })

  it('gives a log of 256 one full tile and above it one of width 1, and an empty log nothing', () => {
    expect([fullTiles(256, 0), partialWidth(256, 0), fullTiles(256, 1), partialWidth(256, 1)]).to.deep.equal([
      1, 0, 0, 1,
    ])
    expect([fullTiles(0, 0), partialWidth(0, 0)]).to.deep.equal([0, 0])
    expect([fullTiles(255, 0), partialWidth(255, 0)]).to.deep.equal([0, 255])
  })

  it('counts every entry of every level once, for any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), fc.integer({ min: 0, max: 4 }), (size, level) => {
        const entries = fullTiles(size, level) * TILE_WIDTH + partialWidth(size, level)
        expect(entries).to.equal(level === 0 ? size : fullTiles(size, level - 1))
      }),
    )
  })
})

describe('tiles: contents', () => {
  const entries = [
    new Uint8Array(0),
    Uint8Array.of(1),
    new Uint8Array(300).fill(2),
    new Uint8Array(ENTRY_BYTES_MAX).fill(3),
  ]

  it('puts each entry behind its length in two bytes, and reads them back', () => {
    expect(Buffer.from(encodeEntryBundle(entries.slice(0, 2))).toString('hex')).to.equal('0000000101')
    expect(decodeEntryBundle(encodeEntryBundle(entries), entries.length)).to.deep.equal(entries)
  })

  it('refuses a bundle that is cut anywhere, that holds one entry less, or one more', () => {
    const bundle = encodeEntryBundle(entries.slice(0, 3))
    for (let end = 0; end < bundle.length; end++) {
      expect(codeOf(() => decodeEntryBundle(bundle.subarray(0, end), 3))).to.equal('TILE_SYNTAX')
    }
    expect(codeOf(() => decodeEntryBundle(bundle, 4))).to.equal('TILE_SYNTAX')
    expect(codeOf(() => decodeEntryBundle(bundle, 2))).to.equal('TILE_SYNTAX')
  })

  it('refuses a hash tile of any other length, and gives copies', () => {
    const bytes = Buffer.alloc(64, 7)
    const hashes = decodeHashTile(bytes, 2)
    bytes.fill(0)
    expect(hashes).to.deep.equal([new Uint8Array(32).fill(7), new Uint8Array(32).fill(7)])
    for (const width of [0, 1, 3]) expect(codeOf(() => decodeHashTile(bytes, width))).to.equal('TILE_SYNTAX')
    expect(codeOf(() => decodeHashTile(bytes.subarray(1), 2))).to.equal('TILE_SYNTAX')
  })

  it('takes an entry above the limit, an empty bundle and a width of 0 for bugs', () => {
    expect(() => encodeEntryBundle([new Uint8Array(ENTRY_BYTES_MAX + 1)])).to.throw(AssertionError)
    expect(() => encodeEntryBundle([])).to.throw(AssertionError)
    expect(() => tilePath({ kind: 'entries', index: 0, width: 0 })).to.throw(AssertionError)
  })
})
