import { expect } from 'chai'
import { drawDevelopmentRoot } from '../../../../enclave/development/chain.ts'
import { openDevelopmentNsm } from '../../../../enclave/development/nsm-device.ts'
import { imageDigestOf } from '../../../../enclave/protocol/attestation/user-data.ts'
import { verifyAttestation } from '../../../../enclave/protocol/attestation/verify.ts'
import { randomBytes } from '../../../../enclave/shell/entropy.ts'
import { type DocumentRequest, type Nsm, openNsm } from '../../../../enclave/shell/nsm.ts'
import { attestedMs, attestSelf, refuseDebug } from '../../../../enclave/shell/self-attestation.ts'
import { filled, pinOf, selfVerifierUnder } from '../../../builders/attestation.ts'
import { codeOf } from '../../../builders/refusals.ts'

const AT_MS = Date.UTC(2026, 10, 21, 12)
const KEY = new Uint8Array(294).fill(3)
const IMAGE = new Map([0, 1, 2].map((index) => [index, filled(index + 1)]))

const root = drawDevelopmentRoot(randomBytes)
const verify = selfVerifierUnder(pinOf(root))

function open(pcrs: ReadonlyMap<number, Uint8Array>): Nsm {
  return openNsm(openDevelopmentNsm({ root, pcrs, clock: () => AT_MS }))
}

/** What a module does that answers another question than it was asked. */
function twisted(nsm: Nsm, twist: (request: DocumentRequest) => DocumentRequest): Nsm {
  return { ...nsm, document: (request) => nsm.document(twist(request)) }
}

describe('what a boot learns about itself', () => {
  it('is its image, its registers and the time, all from one judged document', () => {
    const self = attestSelf(open(IMAGE), verify, { recipientKeyDer: KEY })
    expect(self.imageDigest).to.equal(imageDigestOf(filled(1), filled(2), filled(3)))
    expect(self.timeMs).to.equal(AT_MS)
    expect(self.debug).to.equal(false)
    expect(self.pcrs.get(2)).to.deep.equal(filled(3))
    refuseDebug(self)
  })

  for (const [name, pcrs] of [
    ['all three measurements zero', new Map()],
    ['one measurement zero', new Map([...IMAGE, [1, filled(0)]])],
  ] as const) {
    it(`is debug mode with ${name}, where a production image ends`, () => {
      const self = attestSelf(open(pcrs), verify, { recipientKeyDer: KEY })
      expect(self.debug).to.equal(true)
      expect(codeOf(() => refuseDebug(self))).to.equal('DEBUG_IMAGE')
    })
  }

  it('refuses a document over another key, another nonce or another image than it asked about', () => {
    const nsm = open(IMAGE)
    const about = (changed: Nsm, recipientKeyDer: Uint8Array | null = KEY) =>
      codeOf(() => attestSelf(changed, verify, { recipientKeyDer }))
    const otherKey = twisted(nsm, (request) => ({ ...request, publicKey: filled(9) }))
    expect(about(otherKey)).to.equal('ATTESTATION_BINDING')
    expect(about(otherKey, null)).to.equal('ATTESTATION_BINDING')
    expect(about(twisted(nsm, (request) => ({ ...request, publicKey: null })))).to.equal('ATTESTATION_BINDING')
    expect(about(twisted(nsm, (request) => ({ ...request, nonce: filled(9) })))).to.equal('ATTESTATION_NONCE')
    const lying: Nsm = { ...nsm, describePcr: () => ({ locked: true, value: filled(9) }) }
    expect(about(lying)).to.equal('ATTESTATION_MEASUREMENT')
  })

  it('refuses under AWS’s root what a development module signed', () => {
    expect(codeOf(() => attestSelf(open(IMAGE), verifyAttestation, { recipientKeyDer: KEY }))).to.equal(
      'ATTESTATION_ROOT',
    )
    expect(codeOf(() => attestedMs(open(IMAGE), verifyAttestation))).to.equal('ATTESTATION_ROOT')
  })

  it('takes the time of a document under a nonce of its own, and no older document', () => {
    const nsm = open(IMAGE)
    expect(attestedMs(nsm, verify)).to.equal(AT_MS)
    const old = nsm.document({ nonce: filled(1), userData: null, publicKey: null })
    expect(codeOf(() => attestedMs({ ...nsm, document: () => old }, verify))).to.equal('ATTESTATION_NONCE')
  })
})
