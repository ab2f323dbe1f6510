import { strict as assert } from 'node:assert'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { filled, honestPayload, newTestAttester, pairOf, twinOf } from '../builders/attestation.ts'
import { CHAINS } from '../builders/attestation-chains.ts'
import { PAYLOADS } from '../builders/attestation-payloads.ts'
import { archivedFor, judge, judgeGenuine, liveFor } from '../builders/expectations.ts'
import { readGenuine } from '../builders/genuine-documents.ts'
import { openMap, rawMap, rawUint } from '../builders/raw-cbor.ts'
import { describeWithShared } from '../builders/shared-data.ts'

describe('N19: what genuine documents vary in', function () {
  this.timeout(60_000)
  const attester = newTestAttester()

  it('is no reason to refuse one: open maps, 746 bytes of user_data, none, an extended register', () => {
    const varied = [
      attester.document({ payload: (entries) => rawMap(entries.map(pairOf)) }),
      attester.document({ payload: (entries) => openMap(entries.map(pairOf)) }),
      attester.document({ userData: new Uint8Array(746) }),
      attester.document({ userData: new Uint8Array(1_024), nonce: new Uint8Array(256) }),
      attester.document({ userData: new Uint8Array(0) }),
      attester.document({ publicKey: new Uint8Array(800) }),
      attester.document({ pcrs: new Map([[16, filled(0x16)]]) }),
    ]
    for (const document of varied) assert.equal(judge(attester, document, liveFor(attester)), 'accepted')
    const others = [
      ...PAYLOADS.filter(({ expect }) => expect === 'accepted').map(({ edit }) => ({ payload: edit })),
      ...CHAINS.filter(({ expect }) => expect === 'accepted').map(({ edit }) => ({ chain: edit })),
    ]
    assert(others.length >= 10)
    for (const options of others)
      assert.equal(judge(attester, attester.document(options), liveFor(attester)), 'accepted')
  })

  it('may have a high s as well as a low one: of two twins one has it', () => {
    const document = attester.document()
    for (const twin of [document, twinOf(document)])
      assert.equal(judge(attester, twin, archivedFor(attester)), 'accepted')
  })

  it('may grow: a key that nobody knows is passed over and reported', () => {
    const document = attester.document({ payload: (entries) => honestPayload([...entries, ['version', rawUint(2)]]) })
    const verified = verifyUnder(document, liveFor(attester), toHash(attester.rootPin))
    assert.deepEqual(verified.unknownKeys, ['version'])
  })
})

describeWithShared('N19: genuine documents from 2021 to 2026', 'attestation', (folder) => {
  it('are read, all of them', () => {
    const samples = readGenuine(folder).filter(({ file }) => file.startsWith('real/'))
    assert(samples.length >= 14)
    for (const { file, bytes, measurement } of samples) {
      const common = { measurements: [measurement], nonce: 'unchecked', binding: 'unchecked' } as const
      assert.equal(judgeGenuine(bytes, { mode: 'archived', allowDebug: true, ...common }), 'accepted', file)
    }
  })
})
