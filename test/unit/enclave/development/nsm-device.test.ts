import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { drawDevelopmentRoot, readDevelopmentRoot } from '../../../../enclave/development/chain.ts'
import { type DevelopmentNsmOptions, openDevelopmentNsm } from '../../../../enclave/development/nsm-device.ts'
import { pcr16Of } from '../../../../enclave/protocol/attestation/user-data.ts'
import { verifyAttestation } from '../../../../enclave/protocol/attestation/verify.ts'
import { type CborInput, type CborValue, decodeCbor, encodeCbor } from '../../../../enclave/protocol/cbor.ts'
import { fromHex, toHash } from '../../../../enclave/protocol/ids.ts'
import { randomBytes } from '../../../../enclave/shell/entropy.ts'
import { type NsmDevice, openNsm } from '../../../../enclave/shell/nsm.ts'
import { attestSelf } from '../../../../enclave/shell/self-attestation.ts'
import { filled, pcr4Of, pinOf, selfVerifierUnder } from '../../../builders/attestation.ts'
import { codeOf } from '../../../builders/refusals.ts'

const AT_MS = Date.UTC(2026, 10, 21, 12)
const HOUR_MS = 3_600_000
const MODULE_ID = 'i-0123456789abcdef0-enc0123456789abcdef'
const NOTHING = { nonce: null, userData: null, publicKey: null }

function open(options: DevelopmentNsmOptions = {}): NsmDevice {
  return openDevelopmentNsm({ moduleId: MODULE_ID, clock: () => AT_MS, ...options })
}

function ask(device: NsmDevice, request: CborInput): CborValue {
  return decodeCbor(device(encodeCbor(request)), { canonical: true })
}

describe('the development NSM', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nsm-'))
  after(() => rmSync(folder, { recursive: true }))

  it('describes itself: 32 registers, the boot’s 16 of them locked', () => {
    expect(openNsm(open()).describe()).to.deep.equal({
      version: '1.0.0',
      moduleId: MODULE_ID,
      pcrsMax: 32,
      lockedPcrs: Array.from({ length: 16 }, (_, index) => index),
    })
  })

  const requests: { title: string; request: CborInput; error: string }[] = [
    { title: 'a name that it does not know', request: 'GetTime', error: 'InvalidOperation' },
    { title: 'a number', request: 7, error: 'InvalidArgument' },
    { title: 'two requests in one', request: { GetRandom: {}, DescribeNSM: {} }, error: 'InvalidArgument' },
    { title: 'a register past the last', request: { DescribePCR: { index: 32 } }, error: 'InvalidIndex' },
    { title: 'a register of text', request: { DescribePCR: { index: '0' } }, error: 'InvalidArgument' },
    { title: 'a measured register to extend', request: extend(0), error: 'ReadOnlyIndex' },
    { title: 'register 32 to extend', request: extend(32), error: 'InvalidIndex' },
    { title: 'nothing to extend by', request: extend(16, 0), error: 'InvalidArgument' },
    { title: 'too much to extend by', request: extend(16, 513), error: 'InputTooLarge' },
    { title: 'a measured register to lock', request: { LockPCR: { index: 15 } }, error: 'ReadOnlyIndex' },
    { title: 'register 32 to lock', request: { LockPCR: { index: 32 } }, error: 'InvalidIndex' },
    { title: '33 registers to lock', request: { LockPCRs: { range: 33 } }, error: 'InvalidIndex' },
    { title: 'user_data as text', request: attest({ user_data: 'x' }), error: 'InvalidArgument' },
    { title: 'user_data of 513 bytes', request: attest({ user_data: filled513() }), error: 'InputTooLarge' },
    { title: 'a nonce of 513 bytes', request: attest({ nonce: filled513() }), error: 'InputTooLarge' },
    { title: 'a key of 1025 bytes', request: attest({ public_key: new Uint8Array(1_025) }), error: 'InputTooLarge' },
  ]
  for (const { title, request, error } of requests) {
    it(`answers ${error} to ${title}`, () => {
      expect(ask(open(), request)).to.deep.equal({ Error: error })
    })
  }

  it('answers InvalidArgument to bytes that are no CBOR, and takes no request longer than the driver does', () => {
    const device = open()
    for (const bytes of [new Uint8Array(0), Uint8Array.of(0xff), Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff)])
      expect(decodeCbor(device(bytes), { canonical: true })).to.deep.equal({ Error: 'InvalidArgument' })
    let code: unknown
    try {
      device(new Uint8Array(0x1001))
    } catch (error) {
      code = (error as NodeJS.ErrnoException).code
    }
    expect(code).to.equal('EMSGSIZE')
  })

  it('takes user_data and nonce of 512 bytes and a key of 1024', () => {
    const nsm = openNsm(open())
    const document = nsm.document({
      userData: new Uint8Array(512),
      nonce: new Uint8Array(512),
      publicKey: new Uint8Array(1_024),
    })
    expect(document.length).to.be.within(4_000, 8_000)
  })

  it('extends a register as the configuration is locked, and never again once it is locked', () => {
    const nsm = openNsm(open())
    const name = toHash(new Uint8Array(32).fill(5))
    expect(nsm.extendPcr(16, fromHex(name))).to.deep.equal(pcr16Of(name))
    expect(nsm.describePcr(16)).to.deep.equal({ locked: false, value: pcr16Of(name) })
    nsm.lockPcr(16)
    expect(nsm.describePcr(16)).to.deep.equal({ locked: true, value: pcr16Of(name) })
    for (const again of [() => nsm.extendPcr(16, fromHex(name)), () => nsm.lockPcr(16)])
      expect(codeOf(again)).to.equal('NSM_FAILED')
    expect(nsm.describePcr(16).value).to.deep.equal(pcr16Of(name))
  })

  it('locks all registers below a number at once', () => {
    const device = open()
    expect(ask(device, { LockPCRs: { range: 18 } })).to.equal('LockPCRs')
    const nsm = openNsm(device)
    expect([17, 18].map((index) => nsm.describePcr(index).locked)).to.deep.equal([true, false])
  })

  it('signs documents that its own root verifies, with every field as it was asked', () => {
    const root = drawDevelopmentRoot(randomBytes)
    const pcrs = new Map([0, 1, 2].map((index) => [index, filled(index + 1)]))
    const nsm = openNsm(open({ root, pcrs }))
    nsm.extendPcr(17, Uint8Array.of(1))
    const verified = selfVerifierUnder(pinOf(root))(
      nsm.document({ nonce: filled(4), userData: filled(5), publicKey: filled(6) }),
      {
        mode: 'archived',
        measurements: [{ pcr0: filled(1), pcr1: filled(2), pcr2: filled(3) }],
        checkInstance: true,
        nonce: filled(4),
        binding: 'unchecked',
      },
    )
    expect(verified.moduleId).to.equal(MODULE_ID)
    expect(verified.timestampMs).to.equal(AT_MS)
    expect([...verified.pcrs.keys()]).to.deep.equal([...Array.from({ length: 16 }, (_, index) => index), 17])
    expect(verified.pcrs.get(4)).to.deep.equal(pcr4Of(MODULE_ID))
    expect([verified.userData, verified.publicKey]).to.deep.equal([filled(5), filled(6)])
    expect(verified.unknownKeys).to.deep.equal([])
  })

  it('is never taken for AWS’s: the production verifier refuses its root', () => {
    const document = openNsm(open({ pcrs: new Map([0, 1, 2].map((index) => [index, filled(7)])) })).document(NOTHING)
    const image = { pcr0: filled(7), pcr1: filled(7), pcr2: filled(7) }
    const expectation = { mode: 'archived', measurements: [image], nonce: 'unchecked', binding: 'unchecked' } as const
    expect(codeOf(() => verifyAttestation(document, expectation))).to.equal('ATTESTATION_ROOT')
  })

  it('keeps one leaf for a while and takes a new one in good time, so that no document dies of its age', () => {
    let atMs = AT_MS
    const root = drawDevelopmentRoot(randomBytes)
    const nsm = openNsm(open({ root, clock: () => atMs }))
    const leafOf = (): bigint | string => {
      const { certificates } = selfVerifierUnder(pinOf(root))(nsm.document(NOTHING), {
        mode: 'archived',
        allowDebug: true,
        measurements: [{ pcr0: filled(0), pcr1: filled(0), pcr2: filled(0) }],
        nonce: 'unchecked',
        binding: 'unchecked',
      })
      const leaf = certificates.at(-1)
      expect((leaf?.notAfterMs ?? 0) - atMs).to.be.at.least(HOUR_MS)
      return `${leaf?.serial}`
    }
    const first = leafOf()
    atMs += HOUR_MS
    expect(leafOf()).to.equal(first)
    atMs += HOUR_MS
    const second = leafOf()
    expect(second).to.not.equal(first)
    atMs = AT_MS - HOUR_MS
    expect(leafOf()).to.not.equal(second)
  })

  it('vouches for an enclave in whatever year its clock shows, across the end of 2049 too', () => {
    const root = drawDevelopmentRoot(randomBytes)
    for (const atMs of [2020, 2049, 2050, 2106, 9_000].map((year) => Date.UTC(year, 11, 31, 23, 59))) {
      const nsm = openNsm(open({ root, clock: () => atMs }))
      expect(attestSelf(nsm, selfVerifierUnder(pinOf(root)), { recipientKeyDer: null }).timeMs).to.equal(atMs)
    }
  })

  it('gives several processes one root through a file of its owner’s alone', () => {
    const path = join(folder, 'root.cbor')
    const first = readDevelopmentRoot(path, randomBytes)
    const second = readDevelopmentRoot(path, randomBytes)
    expect(statSync(path).mode & 0o777).to.equal(0o600)
    expect(second.certificate).to.deep.equal(first.certificate)
    const own = attestSelf(openNsm(open({ root: second })), selfVerifierUnder(pinOf(first)), { recipientKeyDer: null })
    expect(own.timeMs).to.equal(AT_MS)
  })

  it('refuses a root file that others can read, of other bytes, or whose key is not the certificate’s', () => {
    const path = join(folder, 'wrong.cbor')
    readDevelopmentRoot(path, randomBytes)
    chmodSync(path, 0o640)
    expect(codeOf(() => readDevelopmentRoot(path, randomBytes))).to.equal('CONFIG_INVALID')
    chmodSync(path, 0o600)
    const whole = readFileSync(path)
    const { key } = decodeCbor(whole, { canonical: true }) as { key: Uint8Array }
    const { certificate } = drawDevelopmentRoot(randomBytes)
    const wrong = [whole.subarray(1), encodeCbor({ key }), encodeCbor({ certificate, key }), encodeCbor([1])]
    for (const bytes of wrong) {
      writeFileSync(path, bytes)
      expect(codeOf(() => readDevelopmentRoot(path, randomBytes))).to.equal('CONFIG_INVALID')
    }
    writeFileSync(path, whole)
    readDevelopmentRoot(path, randomBytes)
  })
})

function extend(index: number, bytes = 1): CborInput {
  return { ExtendPCR: { index, data: new Uint8Array(bytes) } }
}

function attest(fields: { readonly [key: string]: CborInput }): CborInput {
  return { Attestation: { user_data: null, nonce: null, public_key: null, ...fields } }
}

function filled513(): Uint8Array {
  return new Uint8Array(513)
}
