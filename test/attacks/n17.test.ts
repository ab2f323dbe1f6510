import { strict as assert } from 'node:assert'
import { decodeCbor } from '../../enclave/protocol/cbor.ts'
import { honestChain, newTestAttester } from '../builders/attestation.ts'
import { archivedFor, judge, judgeGenuine } from '../builders/expectations.ts'
import { readGenuine } from '../builders/genuine-documents.ts'
import { describeWithShared } from '../builders/shared-data.ts'

describe('N17: a bundle that is read from its other end', () => {
  const attester = newTestAttester()

  function ordered(order: readonly number[]): string {
    const document = attester.document({
      chain: (issue) => {
        const chain = honestChain(issue)
        return { ...chain, bundle: order.flatMap((at) => chain.bundle.slice(at, at + 1)) }
      },
    })
    return judge(attester, document, archivedFor(attester))
  }

  it('is refused: the one order is root, regional, zonal, instance', () => {
    assert.equal(ordered([0, 1, 2, 3]), 'accepted')
    assert.equal(ordered([3, 2, 1, 0]), 'ATTESTATION_ROOT')
    for (const order of [
      [0, 3, 2, 1],
      [0, 2, 1, 3],
      [0, 1, 3, 2],
    ])
      assert.equal(ordered(order), 'ATTESTATION_CHAIN', order.join())
    for (const order of [
      [1, 0, 2, 3],
      [1, 2, 3, 0],
    ])
      assert.equal(ordered(order), 'ATTESTATION_ROOT', order.join())
  })
})

describeWithShared('N17: genuine bundles', 'attestation', (folder) => {
  const samples = readGenuine(folder).filter(({ file, isDebug }) => file.startsWith('real/') && !isDebug)

  it('pass in their order, and begin with the root', () => {
    for (const { file, bytes, measurement } of samples) {
      const archived = {
        mode: 'archived',
        measurements: [measurement],
        nonce: 'unchecked',
        binding: 'unchecked',
      } as const
      assert.equal(judgeGenuine(bytes, archived), 'accepted', file)
      assert.equal(bundleSizesOf(bytes)[0], 533, file)
    }
  })
})

/** Bytes of each certificate of the bundle, by another reader. */
function bundleSizesOf(document: Uint8Array): readonly number[] {
  const loose = { canonical: false, integerKeys: true } as const
  // Header map and its integer keys stand in the first two elements.
  const [, , payload] = decodeCbor(document, loose) as readonly Uint8Array[]
  const { cabundle } = decodeCbor(payload ?? new Uint8Array(0), loose) as unknown as {
    readonly cabundle: readonly Uint8Array[]
  }
  return cabundle.map(({ length }) => length)
}
