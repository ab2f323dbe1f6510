import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { fromHex, type Hex, toHex } from '../../../../enclave/protocol/ids.ts'
import {
  type ConsistencyClaim,
  consistencyProof,
  EMPTY_LOG_ROOT,
  type InclusionClaim,
  inclusionProof,
  leafHash,
  type NodeReader,
  nodeHash,
  rangeRoot,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../../../enclave/protocol/log-tree.ts'
import { codeOf } from '../../../builders/refusals.ts'
import vectors from '../../../vectors/log.json' with { type: 'json' }

const PAIRS_MAX = 64

function sha(...parts: Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

/** RFC 9162 section 2.1.1 word for word, by recursion over entries: the independent second opinion. */
function naiveRoot(entries: readonly Uint8Array[]): Buffer {
  if (entries.length === 0) return sha()
  if (entries.length === 1) return sha(Uint8Array.of(0), entries[0] as Uint8Array)
  const split = 2 ** Math.floor(Math.log2(entries.length - 1))
  return sha(Uint8Array.of(1), naiveRoot(entries.slice(0, split)), naiveRoot(entries.slice(split)))
}

const ENTRIES = Array.from({ length: 130 }, (_, at) => new TextEncoder().encode(`entry ${at}`))
const LEAVES = ENTRIES.map(leafHash)
const ROOTS = ENTRIES.slice(0, PAIRS_MAX + 2).map((_, size) => new Uint8Array(naiveRoot(ENTRIES.slice(0, size))))

/** Only complete subtrees may be asked for: a reader of tiles has no others. */
const read: NodeReader = (level, index) => {
  const [start, end] = [index * 2 ** level, (index + 1) * 2 ** level]
  if (end > ENTRIES.length) throw new Error(`no complete subtree ${level}/${index}`)
  return new Uint8Array(naiveRoot(ENTRIES.slice(start, end)))
}

function cached(reader: NodeReader): NodeReader {
  const known = new Map<string, Uint8Array>()
  return (level, index) => {
    const key = `${level}/${index}`
    const hash = known.get(key) ?? reader(level, index)
    known.set(key, hash)
    return hash
  }
}

const reader = cached(read)

function inclusion(index: number, size: number): InclusionClaim {
  return {
    leafHash: LEAVES[index] as Uint8Array,
    index,
    size,
    root: ROOTS[size] as Uint8Array,
    proof: inclusionProof(index, size, reader),
  }
}

function consistency(oldSize: number, newSize: number): ConsistencyClaim {
  return {
    oldSize,
    oldRoot: ROOTS[oldSize] as Uint8Array,
    newSize,
    newRoot: ROOTS[newSize] as Uint8Array,
    proof: consistencyProof(oldSize, newSize, reader),
  }
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

/** Each claim that differs from `claim` in one bit of one hash. */
function* mutants<Claim extends { proof: readonly Uint8Array[] }>(
  claim: Claim,
  fields: (keyof Claim)[],
): Generator<Claim> {
  for (let bit = 0; bit < 256; bit++) {
    for (const field of fields) yield { ...claim, [field]: flipped(claim[field] as Uint8Array, bit) }
    for (const at of claim.proof.keys()) {
      yield { ...claim, proof: claim.proof.with(at, flipped(claim.proof[at] as Uint8Array, bit)) }
    }
  }
}

describe('log tree: roots', () => {
  it('has the leaf hashes and roots of the vectors, size 7 among them', () => {
    const entries = vectors.entries.map((entry) => fromHex(entry as Hex))
    for (const [at, entry] of entries.entries()) expect(toHex(leafHash(entry))).to.equal(vectors.leafHashes[at])
    for (let size = 0; size <= entries.length; size++) {
      expect(toHex(rootOf(entries.slice(0, size).map(leafHash))), `size ${size}`).to.equal(vectors.roots[size])
    }
    expect(toHex(EMPTY_LOG_ROOT)).to.equal(vectors.roots[0])
  })

  it('splits seven as H(H(4), H(H(2), 1)) and not from the high end', () => {
    const four = rootOf(LEAVES.slice(0, 4))
    const two = rootOf(LEAVES.slice(4, 6))
    const last = LEAVES[6] as Uint8Array
    expect(toHex(rootOf(LEAVES.slice(0, 7)))).to.equal(toHex(nodeHash(four, nodeHash(two, last))))
    expect(toHex(rootOf(LEAVES.slice(0, 7)))).to.not.equal(toHex(nodeHash(nodeHash(four, two), last)))
  })

  it('reads a range of the log as the root over that range alone', () => {
    for (const [start, size] of [
      [0, 7],
      [64, 33],
      [96, 34],
      [128, 2],
      [0, 130],
    ] as const) {
      const expected = new Uint8Array(naiveRoot(ENTRIES.slice(start, start + size)))
      expect(toHex(rangeRoot(start, size, reader)), `${start}+${size}`).to.equal(toHex(expected))
    }
  })
})

describe('log tree: inclusion', () => {
  it('makes and accepts the proofs of the vectors, hash for hash', () => {
    const entries = vectors.entries.map((entry) => fromHex(entry as Hex))
    const fromVectors: NodeReader = (level, index) =>
      rootOf(entries.slice(index * 2 ** level, (index + 1) * 2 ** level).map(leafHash))
    for (const { index, size, proof } of vectors.inclusion) {
      expect(inclusionProof(index, size, fromVectors).map(toHex)).to.deep.equal(proof)
      const leaf = leafHash(entries[index] as Uint8Array)
      const root = fromHex(vectors.roots[size] as Hex)
      verifyInclusion({ leafHash: leaf, index, size, root, proof: proof.map((hash) => fromHex(hash as Hex)) })
    }
  })

  it(`accepts every entry of every size up to ${PAIRS_MAX}, and refuses each at every other index`, () => {
    for (let size = 1; size <= PAIRS_MAX; size++) {
      for (let index = 0; index < size; index++) {
        const honest = inclusion(index, size)
        verifyInclusion(honest)
        for (let other = 0; other < size; other++) {
          if (other === index) continue
          expect(codeOf(() => verifyInclusion({ ...honest, index: other }))).to.match(/^PROOF_(INVALID|LENGTH)$/)
        }
      }
    }
  })

  it('refuses any flipped bit of leaf, root or proof', () => {
    for (const [index, size] of [
      [0, 1],
      [4, 7],
      [6, 7],
      [3, 8],
      [12, 13],
    ] as const) {
      const honest = inclusion(index, size)
      verifyInclusion(honest)
      for (const mutant of mutants(honest, ['leafHash', 'root'])) {
        expect(codeOf(() => verifyInclusion(mutant))).to.equal('PROOF_INVALID')
      }
    }
  })

  it('refuses a proof of another length, hashes of another length, and an index past the end', () => {
    const honest = inclusion(4, 7)
    const proof = honest.proof as Uint8Array[]
    const wrong: InclusionClaim[] = [
      { ...honest, proof: proof.slice(1) },
      { ...honest, proof: [...proof, proof[0] as Uint8Array] },
      { ...honest, proof: [] },
      { ...honest, proof: proof.with(0, new Uint8Array(31)) },
      { ...honest, leafHash: new Uint8Array(33) },
      { ...honest, index: 7 },
      { ...honest, index: -1 },
      { ...honest, index: 0.5 },
      { ...honest, size: 0, index: 0, proof: [] },
      { ...honest, size: Number.POSITIVE_INFINITY },
      { ...honest, size: 2 ** 60 },
    ]
    for (const claim of wrong) expect(codeOf(() => verifyInclusion(claim))).to.equal('PROOF_LENGTH')
  })

  it('refuses an inner node given as a leaf with a shortened proof', () => {
    const honest = inclusion(4, 8)
    const inner = nodeHash(honest.leafHash, honest.proof[0] as Uint8Array)
    const claim = { ...honest, leafHash: inner, index: 2, proof: honest.proof.slice(1) }
    expect(codeOf(() => verifyInclusion(claim))).to.equal('PROOF_LENGTH')
  })

  it('folds beyond 32 bits: a log of 2^40 + 1 entries has a proof of 41 hashes for its first and of 1 for its last', () => {
    const size = 2 ** 40 + 1
    const hash = new Uint8Array(32)
    const claim = { leafHash: hash, size, root: hash }
    for (const [index, length] of [
      [0, 41],
      [2 ** 40, 1],
    ] as const) {
      const proofs = [length - 1, length, length + 1].map((hashes) => Array.from({ length: hashes }, () => hash))
      const codes = proofs.map((proof) => codeOf(() => verifyInclusion({ ...claim, index, proof })))
      expect(codes).to.deep.equal(['PROOF_LENGTH', 'PROOF_INVALID', 'PROOF_LENGTH'])
    }
  })
})

describe('log tree: consistency', () => {
  it('makes and accepts the proofs of the vectors, hash for hash', () => {
    const entries = vectors.entries.map((entry) => fromHex(entry as Hex))
    const fromVectors: NodeReader = (level, index) =>
      rootOf(entries.slice(index * 2 ** level, (index + 1) * 2 ** level).map(leafHash))
    for (const { oldSize, newSize, proof } of vectors.consistency) {
      expect(consistencyProof(oldSize, newSize, fromVectors).map(toHex)).to.deep.equal(proof)
      verifyConsistency({
        oldSize,
        oldRoot: fromHex(vectors.roots[oldSize] as Hex),
        newSize,
        newRoot: fromHex(vectors.roots[newSize] as Hex),
        proof: proof.map((hash) => fromHex(hash as Hex)),
      })
    }
  })

  it(`accepts every pair of sizes up to ${PAIRS_MAX}, and refuses each with another old root`, () => {
    for (let newSize = 0; newSize <= PAIRS_MAX; newSize++) {
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const honest = consistency(oldSize, newSize)
        verifyConsistency(honest)
        const oldRoot = ROOTS[oldSize === 0 ? 1 : oldSize - 1] as Uint8Array
        expect(
          codeOf(() => verifyConsistency({ ...honest, oldRoot })),
          `${oldSize} ${newSize}`,
        ).to.equal('PROOF_INVALID')
      }
    }
  })

  it('refuses any flipped bit of either root or the proof', () => {
    for (const [oldSize, newSize] of [
      [1, 2],
      [3, 7],
      [4, 7],
      [6, 8],
      [7, 13],
      [8, 13],
      [5, 5],
    ] as const) {
      const honest = consistency(oldSize, newSize)
      verifyConsistency(honest)
      for (const mutant of mutants(honest, ['oldRoot', 'newRoot'])) {
        expect(codeOf(() => verifyConsistency(mutant))).to.equal('PROOF_INVALID')
      }
    }
  })

  it('refuses a log that shrinks, another root at the same size, and a false root for the empty log', () => {
    const honest = consistency(5, 5)
    const swapped = { oldSize: 7, oldRoot: ROOTS[7] as Uint8Array, newSize: 5, newRoot: ROOTS[5] as Uint8Array }
    expect(codeOf(() => verifyConsistency({ ...swapped, proof: [] }))).to.equal('PROOF_INVALID')
    expect(codeOf(() => verifyConsistency({ ...honest, newRoot: ROOTS[6] as Uint8Array }))).to.equal('PROOF_INVALID')
    const empty = { oldSize: 0, oldRoot: EMPTY_LOG_ROOT, newSize: 0, proof: [] }
    expect(codeOf(() => verifyConsistency({ ...empty, newRoot: ROOTS[5] as Uint8Array }))).to.equal('PROOF_INVALID')
    const both = { ...empty, oldRoot: ROOTS[5] as Uint8Array, newRoot: ROOTS[5] as Uint8Array }
    expect(codeOf(() => verifyConsistency(both))).to.equal('PROOF_INVALID')
  })

  it('refuses a proof with one hash more or less, and sizes that are no sizes', () => {
    for (const [oldSize, newSize] of [
      [0, 7],
      [3, 7],
      [4, 8],
      [7, 7],
    ] as const) {
      const honest = consistency(oldSize, newSize)
      const extra = [...honest.proof, ROOTS[1] as Uint8Array]
      expect(codeOf(() => verifyConsistency({ ...honest, proof: extra }))).to.equal('PROOF_LENGTH')
      if (honest.proof.length === 0) continue
      expect(codeOf(() => verifyConsistency({ ...honest, proof: honest.proof.slice(1) }))).to.equal('PROOF_LENGTH')
    }
    for (const oldSize of [-1, 0.5, Number.NaN]) {
      expect(codeOf(() => verifyConsistency({ ...consistency(3, 7), oldSize }))).to.equal('PROOF_INVALID')
    }
  })
})
