import { expect } from 'chai'
import type { ArchivedExpectation } from '../../enclave/protocol/attestation/expectation.ts'
import { installPureP384 } from '../../enclave/protocol/attestation/p384.ts'
import { verifyAttestation } from '../../enclave/protocol/attestation/verify.ts'
import { installFastP384 } from '../../enclave/shell/fast-p384.ts'
import { judgeGenuine } from '../builders/expectations.ts'
import { type GenuineFile, readGenuine } from '../builders/genuine-documents.ts'
import { describeWithShared } from '../builders/shared-data.ts'

/** Long after the youngest of them. */
const NOW_MS = Date.UTC(2027, 0)
/** The step at which the manifest says that a file stops, by our names. */
const CODES: { readonly [stage: string]: readonly string[] } = {
  envelope: ['ATTESTATION_SIZE', 'ATTESTATION_ENVELOPE'],
  payload: ['ATTESTATION_PAYLOAD'],
  signature: ['ATTESTATION_SIGNATURE'],
}
const IMPLEMENTATIONS: readonly (readonly [name: string, install: () => void])[] = [
  ['node:crypto', installFastP384],
  ['@noble', installPureP384],
]

function archived({ measurement }: GenuineFile, over: Partial<ArchivedExpectation> = {}): ArchivedExpectation {
  return { mode: 'archived', measurements: [measurement], nonce: 'unchecked', binding: 'unchecked', ...over }
}

function wordOf(verdict: string): string {
  return verdict === 'accepted' ? 'accept' : 'reject'
}

function hexOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex')
}

describeWithShared('documents that AWS signed', 'attestation', (folder) => {
  const files = readGenuine(folder)
  const genuine = files.filter(({ file }) => file.startsWith('real/'))
  after(installPureP384)

  for (const [name, install] of IMPLEMENTATIONS) {
    describe(`with P-384 of ${name}`, () => {
      before(install)

      for (const entry of files) {
        const { file, archived: word, archivedWithDebug, archivedWithTag, stage, bytes } = entry
        it(`judges ${file} as the manifest does: ${word}`, () => {
          const verdict = judgeGenuine(bytes, archived(entry))
          expect(wordOf(verdict)).to.equal(word)
          if (stage !== undefined) expect(CODES[stage] ?? []).to.include(verdict)
          expect(wordOf(judgeGenuine(bytes, archived(entry, { allowDebug: true })))).to.equal(archivedWithDebug)
          expect(wordOf(judgeGenuine(bytes, archived(entry, { allowTag18: true })))).to.equal(archivedWithTag)
        })
      }
    })
  }

  for (const entry of genuine) {
    it(`refuses ${entry.file} in live mode, as its certificates have ended`, () => {
      installFastP384()
      const { measurements } = archived(entry)
      const live = { mode: 'live', nowMs: NOW_MS, maxAgeMs: 2 ** 50, maxSkewMs: 0, measurements } as const
      const expectation = { ...live, allowDebug: true, nonce: 'unchecked', binding: 'unchecked' } as const
      expect(judgeGenuine(entry.bytes, expectation)).to.equal('ATTESTATION_EXPIRED')
    })

    it(`reads every field of ${entry.file} as the manifest lists it`, () => {
      installFastP384()
      const verified = verifyAttestation(entry.bytes, archived(entry, { allowDebug: true, checkInstance: true }))
      expect(verified.moduleId).to.equal(entry.moduleId)
      expect(verified.timestampMs).to.equal(entry.timestampMs)
      expect(verified.judgedAtMs).to.equal(entry.timestampMs)
      expect(verified.debug).to.equal(entry.isDebug)
      expect(hexOf(verified.userData)).to.equal(entry.userData)
      expect(hexOf(verified.nonce)).to.equal(entry.nonce)
      expect(hexOf(verified.publicKey)).to.equal(entry.publicKey)
      expect(verified.unknownKeys).to.deep.equal([])
    })
  }

  it('refuses every file in live mode today, and accepts the genuine ones as of a second after they were made', () => {
    installFastP384()
    for (const entry of files) {
      const { measurements } = archived(entry)
      const live = { mode: 'live', maxAgeMs: 60_000, maxSkewMs: 0, measurements } as const
      const common = { ...live, allowDebug: true, nonce: 'unchecked', binding: 'unchecked' } as const
      expect(judgeGenuine(entry.bytes, { ...common, nowMs: NOW_MS }), entry.file).to.match(/^ATTESTATION_/)
      const then = judgeGenuine(entry.bytes, { ...common, nowMs: entry.timestampMs + 1_000 })
      expect(wordOf(then), entry.file).to.equal(entry.archivedWithDebug)
    }
  })

  it('covers both forms of the map, debug mode, 746 bytes of user_data and PCR16', () => {
    expect(new Set(genuine.map(({ isOpenMap }) => isOpenMap))).to.deep.equal(new Set([true, false]))
    expect(genuine.some(({ isDebug }) => isDebug)).to.equal(true)
    expect(genuine.some(({ userData }) => userData?.length === 2 * 746)).to.equal(true)
    expect(genuine.some(({ measurement }) => measurement.pcr16 !== undefined)).to.equal(true)
  })
})
