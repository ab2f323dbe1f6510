import { strict as assert } from 'node:assert'
import { decodeAnchorCall } from '../../enclave/protocol/anchor.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { fromHex } from '../../enclave/protocol/ids.ts'
import { inclusionProof, leafHash, type rangeRoot, rootOf, verifyInclusion } from '../../enclave/protocol/log-tree.ts'
import { publishedEntries } from './published.ts'
import { useStage } from './use-stage.ts'

const IDS = ['orch-0', 'orch-1', 'orch-2', 'orch-3', 'orch-4']

describe('S33: a server that proves against a root of its own', () => {
  const stage = useStage()

  /** The log under a landed header, its root as the chain has it, and proofs out of it. */
  async function anchored() {
    const boot = await stage().active()
    await boot.credit('0.1', ...IDS)
    const { commit } = await stage().pay(boot)
    const call = decodeAnchorCall(commit.call)
    assert(call.kind === 'commitAndPay', 'an honest payout')
    const landing = await stage().chain.landingOf(commit.sequence)
    assert.equal(landing?.logRoot, call.commit.logRoot)
    const leaves = publishedEntries(boot, commit).map(leafHash)
    return { leaves, root: fromHex(landing.logRoot) }
  }

  /** The answer of a server that has these leaves. */
  function proofFrom(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
    const read = (level: number, at: number) => rootOf(leaves.slice(at * 2 ** level, (at + 1) * 2 ** level))
    return inclusionProof(index, leaves.length, read as Parameters<typeof rangeRoot>[2])
  }

  function verdict(claim: Parameters<typeof verifyInclusion>[0]): string {
    try {
      verifyInclusion(claim)
      return 'accepted'
    } catch (error) {
      assert(isCoded(error), String(error))
      return error.code
    }
  }

  it('convinces nobody who has the root from the chain, nor by the proof of another event', async () => {
    const { leaves, root } = await anchored()
    const size = leaves.length
    const index = size - 2
    const leaf = leaves[index] as Uint8Array
    const proof = proofFrom(leaves, index)
    assert.equal(verdict({ leafHash: leaf, index, size, root, proof }), 'accepted')

    const forgedLeaf = leafHash(new TextEncoder().encode('a credit that never was'))
    const forged = leaves.with(index, forgedLeaf)
    const forgedProof = proofFrom(forged, index)
    assert.equal(verdict({ leafHash: forgedLeaf, index, size, root: rootOf(forged), proof: forgedProof }), 'accepted')
    const answers = [
      verdict({ leafHash: forgedLeaf, index, size, root, proof: forgedProof }),
      verdict({ leafHash: leaf, index: index - 1, size, root, proof }),
      verdict({ leafHash: leaf, index, size, root, proof: proofFrom(leaves, index - 1) }),
      verdict({ leafHash: leaves[index - 1] as Uint8Array, index, size, root, proof }),
    ]
    assert.deepEqual(answers, Array(answers.length).fill('PROOF_INVALID'))
  })
})
