import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { UNCHECKED } from '../../enclave/protocol/attestation/binding.ts'
import { parseMeasurements } from '../../enclave/protocol/attestation/measurements.ts'
import { installPureP384 } from '../../enclave/protocol/attestation/p384.ts'
import { attestationDigestOf, type UserData } from '../../enclave/protocol/attestation/user-data.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { fromHex, type Hash, type Hex } from '../../enclave/protocol/ids.ts'
import { utf8 } from '../../enclave/protocol/words.ts'
import { installFastP384 } from '../../enclave/shell/fast-p384.ts'
import { judgeGenuine, verdictOf } from '../builders/expectations.ts'

type Vector = {
  readonly rootPin: Hash
  readonly timestampMs: number
  readonly moduleId: string
  readonly measurements: object
  readonly userData: UserData
  readonly publicKey: Hex
  readonly nonce: Hex
  readonly document_b64: string
}

const vector = JSON.parse(readFileSync(join(import.meta.dirname, 'attestation-development.json'), 'utf8')) as Vector
const document = new Uint8Array(Buffer.from(vector.document_b64, 'base64'))
const { v: _, ...userData } = vector.userData
const expectation = {
  mode: 'archived',
  measurements: parseMeasurements(utf8(JSON.stringify(vector.measurements))),
  nonce: fromHex(vector.nonce),
  binding: { userData, publicKey: fromHex(vector.publicKey) },
  checkInstance: true,
} as const

describe('the kept development document', function () {
  this.timeout(60_000)
  after(installPureP384)

  for (const install of [installFastP384, installPureP384]) {
    it(`passes under its own root with all that it binds, by ${install.name}`, () => {
      install()
      const verified = verifyUnder(document, expectation, vector.rootPin)
      expect(verified.moduleId).to.equal(vector.moduleId)
      expect(verified.timestampMs).to.equal(vector.timestampMs)
      expect(verified.bound).to.deep.equal(vector.userData)
      expect(verified.checked).to.deep.equal({ nonce: true, binding: true, instance: true })
      expect(verified.attestationDigest).to.equal(attestationDigestOf(document))
      expect(verified.debug).to.equal(false)
    })

    it(`passes under no other root, AWS’s among them, by ${install.name}`, () => {
      install()
      expect(judgeGenuine(document, expectation)).to.equal('ATTESTATION_ROOT')
      const other = `${vector.rootPin.slice(0, -1)}${vector.rootPin.endsWith('0') ? '1' : '0'}` as Hash
      expect(verdictOf(() => verifyUnder(document, expectation, other))).to.equal('ATTESTATION_ROOT')
    })

    it(`is refused with any one of its bytes changed, by ${install.name}`, () => {
      install()
      const step = install === installFastP384 ? 23 : 211
      for (let at = 0; at < document.length; at += step) {
        const changed = document.with(at, (document[at] ?? 0) ^ 0x10)
        const verdict = verdictOf(() => verifyUnder(changed, expectation, vector.rootPin))
        expect(verdict, `byte ${at}`).to.match(/^ATTESTATION_/)
      }
    })
  }

  it('is known by what was signed: one bit of the expectation changes the verdict', () => {
    const flips = [
      [{ nonce: fromHex(vector.nonce).with(0, 1) }, 'ATTESTATION_NONCE'],
      [{ binding: { ...expectation.binding, publicKey: fromHex(vector.publicKey).with(0, 1) } }, 'ATTESTATION_BINDING'],
      [{ binding: { publicKey: UNCHECKED, userData: { ...userData, epoch: 2 } } }, 'ATTESTATION_BINDING'],
      [{ binding: { publicKey: UNCHECKED, userData: { ...userData, epoch: UNCHECKED } } }, 'accepted'],
    ] as const
    for (const [over, verdict] of flips)
      expect(verdictOf(() => verifyUnder(document, { ...expectation, ...over }, vector.rootPin))).to.equal(verdict)
  })
})
