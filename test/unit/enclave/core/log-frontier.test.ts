import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { appendLeaf, frontierOf, newFrontier, rootOf } from '../../../../enclave/core/log-frontier.ts'
import { AssertionError, isCoded } from '../../../../enclave/protocol/errors.ts'
import { installPureHashes } from '../../../../enclave/protocol/hash.ts'
import { fromHex, type Hex, toHex } from '../../../../enclave/protocol/ids.ts'
import { leafHash, rootOf as rootOfLeaves } from '../../../../enclave/protocol/log-tree.ts'
import { installFastHashes } from '../../../../enclave/shell/fast-hashes.ts'
import vectors from '../../../vectors/log.json' with { type: 'json' }

const SIZE_MAX = 1025

function aLeaf(number: number): Uint8Array {
  return leafHash(Uint8Array.of(number >> 8, number))
}

/** RFC 9162 section 2.1.1 by recursion, with Node's own SHA-256; `known` spares what was hashed before. */
function naiveRoot(start: number, end: number, known: Map<string, Buffer>): Buffer {
  const key = `${start}-${end}`
  const before = known.get(key)
  if (before !== undefined) return before
  const size = end - start
  const split = 2 ** Math.floor(Math.log2(size - 1))
  const bytes =
    size === 1
      ? Buffer.of(0, start >> 8, start & 255)
      : Buffer.concat([Buffer.of(1), naiveRoot(start, start + split, known), naiveRoot(start + split, end, known)])
  const root = createHash('sha256').update(bytes).digest()
  known.set(key, root)
  return root
}

for (const hashes of ['pure', 'fast'] as const) {
  describe(`log frontier, ${hashes} hashes`, () => {
    before(async () => (hashes === 'fast' ? await installFastHashes() : installPureHashes()))
    after(installPureHashes)

    it(`has the root of RFC 9162 at every size from 1 to ${SIZE_MAX}`, () => {
      const frontier = newFrontier()
      const known = new Map<string, Buffer>()
      for (let size = 1; size <= SIZE_MAX; size++) {
        appendLeaf(frontier, aLeaf(size - 1))
        expect(frontier.size).to.equal(size)
        expect(toHex(rootOf(frontier)), `size ${size}`).to.equal(toHex(naiveRoot(0, size, known)))
      }
    })

    it('has the roots of the vectors, the empty log and size 7 among them', () => {
      const frontier = newFrontier()
      expect(toHex(rootOf(frontier))).to.equal(vectors.roots[0])
      for (const [at, entry] of vectors.entries.entries()) {
        appendLeaf(frontier, leafHash(fromHex(entry as Hex)))
        expect(toHex(rootOf(frontier)), `size ${at + 1}`).to.equal(vectors.roots[at + 1])
      }
    })
  })
}

describe('log frontier', () => {
  it('goes on from its stored form as if it had never stopped, at every size up to 130', () => {
    const frontier = newFrontier()
    const leaves: Uint8Array[] = []
    for (let size = 0; size < 130; size++) {
      const restored = frontierOf(frontier.size, frontier.peaks)
      leaves.push(aLeaf(size))
      appendLeaf(frontier, aLeaf(size))
      appendLeaf(restored, aLeaf(size))
      expect(toHex(rootOf(restored))).to.equal(toHex(rootOf(frontier)))
      expect(toHex(rootOf(restored))).to.equal(toHex(rootOfLeaves(leaves)))
    }
  })

  it('refuses a stored form with a hash too many, too few or cut, and a size that is none', () => {
    const frontier = newFrontier()
    for (let at = 0; at < 7; at++) appendLeaf(frontier, aLeaf(at))
    const { peaks } = frontier
    expect(frontierOf(7, peaks).peaks.length).to.equal(3)
    const wrong: [number, Uint8Array[]][] = [
      [7, peaks.slice(1)],
      [7, [...peaks, aLeaf(0)]],
      [8, peaks],
      [7, peaks.with(0, new Uint8Array(31))],
      [-1, []],
      [0.5, []],
      [2 ** 53, [aLeaf(0)]],
    ]
    for (const [size, hashes] of wrong) {
      expect(() => frontierOf(size, hashes)).to.satisfy((run: () => unknown) => refusesState(run))
    }
  })

  it('keeps at most one hash for each bit of its size', () => {
    const frontier = newFrontier()
    for (let size = 1; size <= 300; size++) {
      appendLeaf(frontier, aLeaf(size))
      expect(frontier.peaks.length).to.equal(size.toString(2).replaceAll('0', '').length)
    }
  })

  it('takes a leaf of another length for a bug', () => {
    expect(() => appendLeaf(newFrontier(), new Uint8Array(31))).to.throw(AssertionError)
  })
})

function refusesState(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch (error) {
    return isCoded(error, 'STATE_MISMATCH')
  }
}
