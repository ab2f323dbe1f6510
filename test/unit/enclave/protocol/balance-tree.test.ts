import { expect } from 'chai'
import { encodeAbiParameters, parseAbiParameters, stringToHex, keccak256 as viemKeccak256 } from 'viem'
import {
  type BalanceLeaf,
  type BalanceProof,
  DEPTH_MAX,
  EMPTY_LEAF,
  emptyRoot,
  leafHash,
  nodeHash,
  orchestratorIdHash,
  verifyBalanceProof,
} from '../../../../enclave/protocol/balance-tree.ts'
import { installPureHashes } from '../../../../enclave/protocol/hash.ts'
import { type Address, fromHex, type Hex, toHex } from '../../../../enclave/protocol/ids.ts'
import { parseWei, wei } from '../../../../enclave/protocol/money.ts'
import { installFastHashes } from '../../../../enclave/shell/fast-hashes.ts'
import { codeOf } from '../../../builders/refusals.ts'
import vectors from '../../../vectors/tree.json' with { type: 'json' }

const LEAF_WORDS = parseAbiParameters('bytes32,uint256,bytes32,address,uint256,uint256,uint256,uint256')

const LEAVES: BalanceLeaf[] = vectors.accounts.map((account) => ({
  index: account.index,
  orchestratorId: account.orchestratorId,
  recipient: account.recipient as Address,
  credited: parseWei(account.credited),
  paid: parseWei(account.paid),
  reserved: parseWei(account.reserved),
  lastSeq: account.lastSeq,
}))

/** Every proof of every tree in the vectors. */
function vectorProofs(): BalanceProof[] {
  return vectors.trees.flatMap(({ depth, root, proofs }) =>
    proofs.map(({ index, proof }) => ({
      leaf: fromHex((vectors.accounts[index]?.leaf ?? vectors.emptyLeaf) as Hex),
      index,
      proof: proof.map((hash) => fromHex(hash as Hex)),
      root: fromHex(root as Hex),
      depth,
    })),
  )
}

function aProof(): BalanceProof {
  const proof = vectorProofs().find(({ depth, index }) => depth === 3 && index === 3)
  if (proof === undefined) throw new Error('the vectors hold a tree of depth 3')
  return proof
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

for (const hashes of ['pure', 'fast'] as const) {
  describe(`balance tree, ${hashes} hashes`, () => {
    before(async () => (hashes === 'fast' ? await installFastHashes() : installPureHashes()))
    after(installPureHashes)

    it('gives the empty leaf, the empty roots of every depth and the leaves of the vectors', () => {
      expect(toHex(EMPTY_LEAF)).to.equal(vectors.emptyLeaf)
      for (let depth = 0; depth <= DEPTH_MAX; depth++) {
        expect(toHex(emptyRoot(depth))).to.equal(vectors.emptyRoots[depth])
      }
      for (const [index, leaf] of LEAVES.entries()) {
        expect(toHex(leafHash(leaf)), `account ${index}`).to.equal(vectors.accounts[index]?.leaf)
      }
    })

    it('hashes the words that viem encodes, at the edges of every field', () => {
      for (const changed of edges()) {
        const leaf = { ...(LEAVES[1] as BalanceLeaf), ...changed }
        const words = encodeAbiParameters(LEAF_WORDS, [
          vectors.leafType as Hex,
          BigInt(leaf.index),
          viemKeccak256(stringToHex(leaf.orchestratorId)),
          leaf.recipient,
          leaf.credited,
          leaf.paid,
          leaf.reserved,
          BigInt(leaf.lastSeq),
        ])
        expect(toHex(leafHash(leaf))).to.equal(viemKeccak256(viemKeccak256(words)))
      }
    })

    it('accepts every proof of the vectors', () => {
      const proofs = vectorProofs()
      expect(proofs.length).to.be.greaterThan(20)
      for (const proof of proofs) verifyBalanceProof(proof)
    })
  })
}

function edges(): Partial<BalanceLeaf>[] {
  const amounts = [0n, 1n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 127n, 2n ** 128n - 1n].map(wei)
  return [
    ...amounts.flatMap((amount) => [{ credited: amount }, { paid: amount }, { reserved: amount }]),
    ...[0, 1, 255, 2 ** 31, 2 ** 32 - 1].map((index) => ({ index })),
    ...[0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1].map((lastSeq) => ({ lastSeq })),
    ...['', 'é', '😀', 'x'.repeat(128)].map((orchestratorId) => ({ orchestratorId })),
  ]
}

describe('balance tree', () => {
  it('gives every field of an account its say in the leaf', () => {
    const leaf = LEAVES[1] as BalanceLeaf
    const changes: Partial<BalanceLeaf>[] = [
      { index: 2 },
      { orchestratorId: 'orch-A' },
      { recipient: `0x${'34'.repeat(20)}` as Address },
      { credited: wei(leaf.credited + 1n) },
      { paid: wei(1n) },
      { reserved: wei(1n) },
      { lastSeq: 2 },
    ]
    const hashes = changes.map((change) => toHex(leafHash({ ...leaf, ...change })))
    expect(new Set([...hashes, toHex(leafHash(leaf))]).size).to.equal(changes.length + 1)
  })

  it('takes the hash of an id from its caller and gives the same leaf', () => {
    for (const leaf of LEAVES) {
      expect(toHex(leafHash(leaf, orchestratorIdHash(leaf.orchestratorId)))).to.equal(toHex(leafHash(leaf)))
    }
  })

  it('hashes two children alike in either order, and neither like a child hashed with itself', () => {
    const [a, b] = [leafHash(LEAVES[1] as BalanceLeaf), leafHash(LEAVES[2] as BalanceLeaf)]
    expect(toHex(nodeHash(a, b))).to.equal(toHex(nodeHash(b, a)))
    expect(toHex(nodeHash(a, a))).to.not.equal(toHex(nodeHash(a, b)))
  })

  it('refuses a proof after any one bit of leaf, root or sibling is flipped', () => {
    const honest = aProof()
    verifyBalanceProof(honest)
    for (let bit = 0; bit < 256; bit++) {
      expect(codeOf(() => verifyBalanceProof({ ...honest, leaf: flipped(honest.leaf, bit) }))).to.equal('PROOF_INVALID')
      expect(codeOf(() => verifyBalanceProof({ ...honest, root: flipped(honest.root, bit) }))).to.equal('PROOF_INVALID')
      for (const at of honest.proof.keys()) {
        const proof = honest.proof.with(at, flipped(honest.proof[at] as Uint8Array, bit))
        expect(codeOf(() => verifyBalanceProof({ ...honest, proof }))).to.equal('PROOF_INVALID')
      }
    }
  })

  it('refuses siblings in another order, one more, one fewer, and hashes of another length', () => {
    const honest = aProof()
    const [first, second, third] = honest.proof as [Uint8Array, Uint8Array, Uint8Array]
    expect(codeOf(() => verifyBalanceProof({ ...honest, proof: [second, first, third] }))).to.equal('PROOF_INVALID')
    const wrong: BalanceProof[] = [
      { ...honest, proof: [first, second] },
      { ...honest, proof: [first, second, third, third] },
      { ...honest, proof: [] },
      { ...honest, proof: [first, second, third.subarray(1)] },
      { ...honest, leaf: new Uint8Array(31) },
      { ...honest, leaf: new Uint8Array(64) },
      { ...honest, root: new Uint8Array(33) },
    ]
    for (const proof of wrong) expect(codeOf(() => verifyBalanceProof(proof))).to.equal('PROOF_LENGTH')
  })

  it('refuses an index or a depth out of range', () => {
    const honest = aProof()
    for (const index of [8, -1, 0.5, Number.NaN]) {
      expect(codeOf(() => verifyBalanceProof({ ...honest, index }))).to.equal('PROOF_LENGTH')
    }
    for (const depth of [2, 4, 33, -1, 0.5, Number.NaN]) {
      expect(codeOf(() => verifyBalanceProof({ ...honest, depth }))).to.equal('PROOF_LENGTH')
    }
  })

  it('refuses an inner node that poses as a leaf of the tree', () => {
    const honest = aProof()
    const inner = nodeHash(honest.leaf, honest.proof[0] as Uint8Array)
    const short = { ...honest, leaf: inner, index: honest.index >> 1, proof: honest.proof.slice(1) }
    expect(codeOf(() => verifyBalanceProof(short))).to.equal('PROOF_LENGTH')
  })
})
