import { expect } from 'chai'
import { installP384, installPureP384, type P384Functions } from '../../../../../enclave/protocol/attestation/p384.ts'
import { installFastP384 } from '../../../../../enclave/shell/fast-p384.ts'
import {
  DOCUMENT_AT_MS,
  type DocumentOptions,
  newTestAttester,
  type Variant,
} from '../../../../builders/attestation.ts'
import { CHAINS } from '../../../../builders/attestation-chains.ts'
import { ENVELOPES } from '../../../../builders/attestation-envelopes.ts'
import { PAYLOADS } from '../../../../builders/attestation-payloads.ts'
import { archivedFor, judge, liveFor } from '../../../../builders/expectations.ts'

const attester = newTestAttester()

/** As fast as it gets first, then as pure: one verdict or the test fails. */
function verdictOfBoth(options: DocumentOptions): string {
  const document = attester.document(options)
  installFastP384()
  const fast = judge(attester, document, archivedFor(attester))
  expect(judge(attester, document, liveFor(attester, { nowMs: DOCUMENT_AT_MS }))).to.equal(fast, 'live at that time')
  installPureP384()
  expect(judge(attester, document, archivedFor(attester))).to.equal(fast, 'the pure functions')
  return fast
}

function holds<T>(about: string, variants: readonly Variant<T>[], options: (edit: T) => DocumentOptions): void {
  describe(about, () => {
    for (const { name, expect: verdict, edit } of variants)
      it(`answers ${verdict} to ${name}`, () => expect(verdictOfBoth(options(edit))).to.equal(verdict))
  })
}

describe('a document that somebody signed otherwise', () => {
  after(installPureP384)

  holds('its envelope', ENVELOPES, (envelope) => ({ envelope }))
  holds('its payload', PAYLOADS, (payload) => ({ payload }))
  holds('its chain', CHAINS, (chain) => ({ chain }))
})

describe('the two implementations of P-384', () => {
  const broken: P384Functions = { sha384: () => new Uint8Array(48), verify: () => false }
  after(installPureP384)

  it('are what the verifier calls: a broken one refuses the honest document', () => {
    const document = attester.document()
    expect(judge(attester, document, archivedFor(attester))).to.equal('accepted')
    installP384(broken)
    expect(judge(attester, document, archivedFor(attester))).to.equal('ATTESTATION_CHAIN')
  })
})
