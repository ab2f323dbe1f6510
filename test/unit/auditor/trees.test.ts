import { SimpleMerkleTree } from '@openzeppelin/merkle-tree'
import { assert } from 'chai'
import {
  appendHash,
  balanceRootOf,
  entryHash,
  logNode,
  logRootAt,
  newBalanceTree,
  newLogTree,
} from '../../../auditor/naive/trees.ts'
import { EMPTY_LEAF } from '../../../enclave/protocol/balance-tree.ts'
import { keccak256, sha256 } from '../../../enclave/protocol/hash.ts'
import { toHex } from '../../../enclave/protocol/ids.ts'
import { uintWord, utf8 } from '../../../enclave/protocol/words.ts'

/** RFC 9162 section 2.1.1, as it is written there. */
function rootByDefinition(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return sha256(new Uint8Array(0))
  if (hashes.length === 1) return hashes[0] as Uint8Array
  let split = 1
  while (split * 2 < hashes.length) split *= 2
  return logNode(rootByDefinition(hashes.slice(0, split)), rootByDefinition(hashes.slice(split)))
}

describe('auditor: trees', () => {
  it('gives the RFC 9162 root at every size up to 70, also of a tree that has grown on', () => {
    const tree = newLogTree()
    const hashes = Array.from({ length: 70 }, (_, at) => entryHash(utf8(`entry ${at}`)))
    for (const hash of hashes) appendHash(tree, hash)
    for (let size = 0; size <= hashes.length; size++) {
      assert.equal(toHex(logRootAt(tree, size)), toHex(rootByDefinition(hashes.slice(0, size))), `size ${size}`)
    }
  })

  it('gives the root of OpenZeppelin for leaves padded to 2^depth, after every change', () => {
    const tree = newBalanceTree()
    const leaves: Uint8Array[] = []
    for (let round = 0; round < 12; round++) {
      leaves.push(keccak256(uintWord(round)))
      if (round % 3 === 0) leaves[round >> 1] = keccak256(uintWord(1000 + round))
      const padded = Array.from({ length: 16 }, (_, at) => toHex(leaves[at] ?? EMPTY_LEAF))
      assert.equal(toHex(balanceRootOf(tree, leaves, 4)), SimpleMerkleTree.of(padded, { sortLeaves: false }).root)
    }
  })
})
