import { strict as assert } from 'node:assert'
import { newTestAttester } from '../builders/attestation.ts'
import { CHAINS } from '../builders/attestation-chains.ts'
import { archivedFor, judge } from '../builders/expectations.ts'

describe('N14: a certificate that exceeds what it may do', () => {
  const attester = newTestAttester()

  function verdictsOf(names: RegExp): ReadonlyMap<string, string> {
    const chosen = CHAINS.filter(({ name, expect }) => names.test(name) && expect !== 'accepted')
    return new Map(
      chosen.map(({ name, edit }) => [
        name,
        judge(attester, attester.document({ chain: edit }), archivedFor(attester)),
      ]),
    )
  }

  function areRefused(verdicts: ReadonlyMap<string, string>, countMin: number): void {
    assert(verdicts.size >= countMin)
    for (const [name, verdict] of verdicts) assert.equal(verdict, 'ATTESTATION_CHAIN', name)
  }

  it('certifies nothing as a leaf, as a CA without keyCertSign, or past pathLen', () => {
    assert.equal(judge(attester, attester.document(), archivedFor(attester)), 'accepted')
    areRefused(
      verdictsOf(/leaf that signs|keyCertSign|KeyUsage|BasicConstraints|no CA|one CA|leaf that is a CA|may not sign/),
      10,
    )
  })

  it('is refused with what nobody has a rule for: critical extensions, other keys, hashes and versions', () => {
    areRefused(verdictsOf(/critical|SHA-256|P-256|P-521|version|algorithms|twice/), 10)
  })

  it('ends where its DER ends', () => {
    areRefused(verdictsOf(/(regional|zonal|instance|leaf) with a byte behind its DER/), 4)
  })
})
