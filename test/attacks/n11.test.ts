import { strict as assert } from 'node:assert'
import type { VerifiedLive } from '../../enclave/protocol/attestation/expectation.ts'
import { demandLive } from '../../enclave/protocol/attestation/verify.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { DOCUMENT_AT_MS, newTestAttester, type TestAttester } from '../builders/attestation.ts'
import { ENVELOPES } from '../builders/attestation-envelopes.ts'
import { archivedFor, judge, judgeGenuine, liveFor, verdictOf } from '../builders/expectations.ts'
import { readGenuine } from '../builders/genuine-documents.ts'
import { describeWithShared } from '../builders/shared-data.ts'

const DAY_MS = 86_400_000

describe('N11: yesterday’s document as today’s', () => {
  const attester: TestAttester = newTestAttester()
  const document = attester.document()
  const pin = toHash(attester.rootPin)

  it('passes as archived for ever, and as live for as long as its leaf', () => {
    assert.equal(judge(attester, document, archivedFor(attester)), 'accepted')
    assert.equal(judge(attester, document, liveFor(attester)), 'accepted')
    const tomorrow = { nowMs: DOCUMENT_AT_MS + DAY_MS, maxAgeMs: 2 * DAY_MS }
    assert.equal(judge(attester, document, liveFor(attester, tomorrow)), 'ATTESTATION_EXPIRED')
  })

  it('does not satisfy a caller who demands a live verdict, nor does a copy of one', () => {
    const live = verifyUnder(document, liveFor(attester), pin)
    const archived = verifyUnder(document, archivedFor(attester), pin)
    assert.equal(demandLive(live), live)
    // @ts-expect-error An archived verdict is no live one, already for the compiler.
    const renamed: VerifiedLive = archived
    for (const verdict of [archived, renamed, { ...live }, { ...archived, mode: 'live' } as unknown as VerifiedLive])
      assert.equal(
        verdictOf(() => demandLive(verdict)),
        'ATTESTATION_MODE',
      )
    assert.equal(archived.mode, 'archived')
    assert.throws(() => Object.assign(archived, { mode: 'live' }), TypeError)
  })

  it('is not believed about its own time before its signature was checked', () => {
    const zeros = ENVELOPES.find(({ name }) => name === 'no signature but zeros')
    assert(zeros !== undefined)
    const expired = attester.document({ envelope: zeros.edit, timestampMs: DOCUMENT_AT_MS + DAY_MS })
    assert.equal(judge(attester, expired, archivedFor(attester)), 'ATTESTATION_SIGNATURE')
  })
})

describeWithShared('N11: genuine documents of other years', 'attestation', (folder) => {
  const samples = readGenuine(folder).filter(({ file, isDebug }) => file.startsWith('real/') && !isDebug)

  it('pass as archived and never as live', () => {
    assert(samples.length >= 10)
    for (const { file, bytes, measurement } of samples) {
      const common = { measurements: [measurement], nonce: 'unchecked', binding: 'unchecked' } as const
      assert.equal(judgeGenuine(bytes, { mode: 'archived', ...common }), 'accepted', file)
      const live = { mode: 'live', nowMs: DOCUMENT_AT_MS, maxAgeMs: 2 ** 50, maxSkewMs: 0, ...common } as const
      assert.equal(judgeGenuine(bytes, live), 'ATTESTATION_EXPIRED', file)
    }
  })
})
