import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { keccak_256 as nobleKeccak256 } from '@noble/hashes/sha3.js'
import { SimpleMerkleTree } from '@openzeppelin/merkle-tree'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  appendLeaves,
  type Forest,
  foldRoot,
  growForest,
  newForest,
  proofOf,
  setLeaf,
  sweepForest,
} from '../../../../enclave/core/balance-forest.ts'
import { DEPTH_GENESIS, EMPTY_LEAF, emptyRoot, verifyBalanceProof } from '../../../../enclave/protocol/balance-tree.ts'
import { AssertionError } from '../../../../enclave/protocol/errors.ts'
import { installHashes, installPureHashes, sha256 } from '../../../../enclave/protocol/hash.ts'
import { toHex } from '../../../../enclave/protocol/ids.ts'
import { concatBytes } from '../../../../enclave/protocol/words.ts'
import { installFastHashes } from '../../../../enclave/shell/fast-hashes.ts'
import vectors from '../../../vectors/tree.json' with { type: 'json' }

const SIZE_MAX = 140

/** Some 32 bytes that differ for each number. */
function aLeaf(number: number): Uint8Array {
  return sha256(Uint8Array.of(number >> 16, number >> 8, number))
}

/** A tree of at least `depth` as a snapshot is read: leaves one block after another, then all nodes in one sweep. */
function rebuildForest(depth: number, leaves: readonly Uint8Array[], leavesPerBlock = leaves.length): Forest {
  const forest = newForest(depth)
  for (let from = 0; from < leaves.length; from += leavesPerBlock)
    appendLeaves(forest, concatBytes(...leaves.slice(from, from + leavesPerBlock)))
  sweepForest(forest)
  return forest
}

/** The root by OpenZeppelin's own tree, padded as the protocol says. */
function rootByOpenZeppelin(leaves: readonly Uint8Array[], depth: number): string {
  const padding = Array.from({ length: 2 ** depth - leaves.length }, () => toHex(EMPTY_LEAF))
  return SimpleMerkleTree.of([...leaves.map(toHex), ...padding], { sortLeaves: false }).root
}

function expectProofs(forest: Forest, leaves: readonly Uint8Array[]): void {
  const root = foldRoot(forest)
  for (const [index, leaf] of leaves.entries()) {
    verifyBalanceProof({ leaf, index, proof: proofOf(forest, index), root, depth: forest.depth })
  }
}

/** How often `run` hashes. */
function countHashes(run: () => void): number {
  let count = 0
  const keccak256 = (bytes: Uint8Array): Uint8Array => {
    count++
    return nobleKeccak256(bytes)
  }
  installHashes({ keccak256, sha256: nobleSha256 })
  run()
  installPureHashes()
  return count
}

for (const hashes of ['pure', 'fast'] as const) {
  describe(`balance forest, ${hashes} hashes`, () => {
    before(async () => (hashes === 'fast' ? await installFastHashes() : installPureHashes()))
    after(installPureHashes)

    it(`has OpenZeppelin's root after each of ${SIZE_MAX} appends, growing from a single leaf`, function () {
      this.timeout(180_000)
      const forest = newForest(0)
      const leaves: Uint8Array[] = []
      for (let size = 1; size <= SIZE_MAX; size++) {
        const leaf = aLeaf(size)
        leaves.push(leaf)
        setLeaf(forest, size - 1, leaf)
        expect(forest.depth).to.equal(Math.ceil(Math.log2(size)))
        expect(toHex(foldRoot(forest)), `size ${size}`).to.equal(rootByOpenZeppelin(leaves, forest.depth))
      }
      expectProofs(forest, leaves)
    })

    it('proves every index at every size up to 70, appended, rebuilt and at a depth above the need', () => {
      for (let size = 1; size <= 70; size++) {
        const leaves = Array.from({ length: size }, (_, at) => aLeaf(at))
        expectProofs(rebuildForest(0, leaves), leaves)
        expectProofs(rebuildForest(10, leaves), leaves)
      }
    })

    it('ends at one root whatever blocks its leaves come in, beyond what is hashed together', function () {
      this.timeout(180_000)
      const leaves = Array.from({ length: 2_500 }, (_, at) => aLeaf(at))
      const root = rootByOpenZeppelin(leaves, 12)
      for (const perBlock of [7, 1_000, 2_500])
        expect(toHex(foldRoot(rebuildForest(0, leaves, perBlock))), `${perBlock} at a time`).to.equal(root)
    })

    it('is folded from its leaves alone: nodes that were there before count for nothing', () => {
      const leaves = Array.from({ length: 8 }, (_, at) => aLeaf(at))
      const forest = rebuildForest(3, leaves)
      for (const nodes of forest.levels.slice(1)) nodes.fill(9)
      sweepForest(forest)
      expect(toHex(foldRoot(forest))).to.equal(rootByOpenZeppelin(leaves, 3))
    })

    it('has the roots of the vectors, up to depth 17', () => {
      for (const { accounts, depth, root } of vectors.trees) {
        const leaves = vectors.accounts
          .slice(0, accounts)
          .map(({ leaf }) => new Uint8Array(Buffer.from(leaf.slice(2), 'hex')))
        expect(toHex(foldRoot(rebuildForest(depth, leaves))), `depth ${depth}`).to.equal(root)
      }
    })
  })
}

describe('balance forest', () => {
  it('is an empty tree before its first leaf, at every depth and after growing', () => {
    for (const depth of [0, 1, DEPTH_GENESIS, 31]) {
      const forest = newForest(depth)
      expect(toHex(foldRoot(forest))).to.equal(toHex(emptyRoot(depth)))
      growForest(forest)
      expect(toHex(foldRoot(forest))).to.equal(toHex(emptyRoot(depth + 1)))
    }
  })

  it('ends at the same root for any order of appends, changes, folds and growth', () => {
    const aStep = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), index: fc.nat(90), leaf: fc.nat(999) }),
      fc.constant({ kind: 'fold' as const }),
      fc.constant({ kind: 'append' as const }),
    )
    fc.assert(
      fc.property(fc.array(aStep, { maxLength: 60 }), (steps) => {
        const forest = newForest(2)
        const leaves: Uint8Array[] = []
        for (const step of steps) {
          if (step.kind === 'fold') foldRoot(forest)
          else {
            const index = step.kind === 'set' ? Math.min(step.index, leaves.length) : leaves.length
            leaves[index] = aLeaf(step.kind === 'set' ? step.leaf : index)
            setLeaf(forest, index, leaves[index] as Uint8Array)
          }
        }
        expect(toHex(foldRoot(forest))).to.equal(rootByOpenZeppelin(leaves, forest.depth))
        expectProofs(forest, leaves)
      }),
    )
  })

  it('keeps the old root as left child when it grows, folded or not', () => {
    const leaves = Array.from({ length: 8 }, (_, at) => aLeaf(at))
    const folded = rebuildForest(3, leaves)
    const unfolded = newForest(3)
    for (const [index, leaf] of leaves.entries()) setLeaf(unfolded, index, leaf)
    for (const forest of [folded, unfolded]) {
      growForest(forest)
      expect(toHex(foldRoot(forest))).to.equal(rootByOpenZeppelin(leaves, 4))
      setLeaf(forest, 8, aLeaf(8))
      expect(toHex(foldRoot(forest))).to.equal(rootByOpenZeppelin([...leaves, aLeaf(8)], 4))
    }
  })

  it('leaves a gap empty when an index is skipped', () => {
    const forest = newForest(0)
    setLeaf(forest, 5, aLeaf(5))
    const leaves = [EMPTY_LEAF, EMPTY_LEAF, EMPTY_LEAF, EMPTY_LEAF, EMPTY_LEAF, aLeaf(5)]
    expect(toHex(foldRoot(forest))).to.equal(rootByOpenZeppelin(leaves, 3))
    expectProofs(forest, leaves)
  })

  it('hashes a path that touched leaves share once, a leaf set twice once, and nothing when nothing changed', () => {
    const forest = rebuildForest(
      10,
      Array.from({ length: 1024 }, (_, at) => aLeaf(at)),
    )
    expect(countHashes(() => foldRoot(forest))).to.equal(0)
    setLeaf(forest, 0, aLeaf(1))
    setLeaf(forest, 0, aLeaf(2))
    expect(countHashes(() => foldRoot(forest))).to.equal(10)
    for (const index of [0, 1, 2, 3]) setLeaf(forest, index, aLeaf(index))
    expect(countHashes(() => foldRoot(forest))).to.equal(2 + 9)
    setLeaf(forest, 0, aLeaf(0))
    setLeaf(forest, 1023, aLeaf(0))
    expect(countHashes(() => foldRoot(forest))).to.equal(9 + 9 + 1)
  })

  it('hands out roots and proofs that later folds do not change', () => {
    const forest = rebuildForest(2, [aLeaf(0), aLeaf(1), aLeaf(2)])
    const root = foldRoot(forest)
    const proof = proofOf(forest, 0)
    const before = [root, ...proof].map(toHex)
    setLeaf(forest, 1, aLeaf(9))
    setLeaf(forest, 3, aLeaf(8))
    expect(toHex(foldRoot(forest))).to.not.equal(before[0])
    expect([root, ...proof].map(toHex)).to.deep.equal(before)
  })

  it('takes a proof from an unfolded tree, an index beyond it and a leaf of another length for bugs', () => {
    const forest = rebuildForest(2, [aLeaf(0)])
    expect(() => proofOf(forest, 4)).to.throw(AssertionError)
    expect(() => setLeaf(forest, 0, new Uint8Array(31))).to.throw(AssertionError)
    expect(() => appendLeaves(forest, new Uint8Array(63))).to.throw(AssertionError)
    expect(() => setLeaf(forest, 2 ** 32, aLeaf(0))).to.throw(AssertionError)
    setLeaf(forest, 0, aLeaf(1))
    expect(() => proofOf(forest, 0)).to.throw(AssertionError)
    expect(() => growForest(newForest(32))).to.throw(AssertionError)
    expect(() => newForest(33)).to.throw(AssertionError)
  })
})
