import { strict as assert } from 'node:assert'
import { newTestAttester } from '../builders/attestation.ts'
import { ENVELOPES } from '../builders/attestation-envelopes.ts'
import { archivedFor, judge, judgeGenuine } from '../builders/expectations.ts'
import { readGenuine } from '../builders/genuine-documents.ts'
import { describeWithShared } from '../builders/shared-data.ts'

describe('N6: one document that two readers read differently', () => {
  const attester = newTestAttester()

  it('has one form: tags, elements, lengths and bytes behind it are refused under a valid signature', () => {
    const forms = ENVELOPES.filter(({ name }) => /tag|elements|array|byte|behind|length|chunks/.test(name))
    assert(forms.length >= 15)
    assert.equal(judge(attester, attester.document(), archivedFor(attester)), 'accepted')
    for (const { name, expect, edit } of forms) {
      assert.notEqual(expect, 'accepted')
      assert.equal(judge(attester, attester.document({ envelope: edit }), archivedFor(attester)), expect, name)
    }
  })

  it('has the form with tag 18 only for whoever asks for it, and no other tag', () => {
    const tagged = (tag: number): Uint8Array => {
      const document = attester.document()
      return Uint8Array.of(0xc0 | tag, ...document)
    }
    const allowing = archivedFor(attester, { allowTag18: true })
    assert.equal(judge(attester, tagged(18), allowing), 'accepted')
    assert.equal(judge(attester, attester.document(), allowing), 'accepted')
    assert.equal(judge(attester, tagged(18), archivedFor(attester)), 'ATTESTATION_ENVELOPE')
    assert.equal(judge(attester, tagged(17), allowing), 'ATTESTATION_ENVELOPE')
    assert.equal(judge(attester, Uint8Array.of(0xd2, ...tagged(18)), allowing), 'ATTESTATION_ENVELOPE')
  })
})

describeWithShared('N6: a genuine document in other forms', 'attestation', (folder) => {
  const derived = readGenuine(folder).filter(({ stage }) => stage === 'envelope')

  it('is refused in each of them', () => {
    assert(derived.length >= 14)
    for (const { file, bytes, measurement } of derived) {
      const archived = {
        mode: 'archived',
        measurements: [measurement],
        nonce: 'unchecked',
        binding: 'unchecked',
      } as const
      const expected = bytes.length === 0 ? 'ATTESTATION_SIZE' : 'ATTESTATION_ENVELOPE'
      assert.equal(judgeGenuine(bytes, archived), expected, file)
    }
  })
})
