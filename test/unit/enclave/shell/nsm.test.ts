import { expect } from 'chai'
import { openDevelopmentNsm } from '../../../../enclave/development/nsm-device.ts'
import { type CborInput, decodeCbor, encodeCbor } from '../../../../enclave/protocol/cbor.ts'
import { CodedError, isCoded } from '../../../../enclave/protocol/errors.ts'
import { NSM_RANDOM_BYTES_MAX, NSM_REQUEST_BYTES_MAX, type Nsm, openNsm } from '../../../../enclave/shell/nsm.ts'

type Answer = { readonly [key: string]: CborInput } | string

/** What the client throws, as code and message. */
function failure(attempt: () => unknown): string {
  try {
    attempt()
  } catch (error) {
    if (isCoded(error, 'NSM_FAILED')) return error.message
    throw error
  }
  throw new Error('nothing was refused')
}

/** A client of a module that answers everything with this. */
function answering(answer: Answer | Uint8Array): Nsm {
  return openNsm(() => (answer instanceof Uint8Array ? answer : encodeCbor(answer)))
}

const PCR = new Uint8Array(48).fill(7)
const DESCRIPTION = {
  version_major: 1,
  version_minor: 2,
  version_patch: 3,
  module_id: 'i-0-enc0',
  max_pcrs: 32,
  locked_pcrs: [0, 31],
  digest: 'SHA384',
}

describe('the client of the NSM', () => {
  it('writes the request bytes that the interface names', () => {
    const asked: string[] = []
    const nsm = openNsm((request) => {
      asked.push(Buffer.from(request).toString('hex'))
      return encodeCbor({ Error: 'InvalidOperation' })
    })
    failure(() => nsm.random(1))
    failure(() => nsm.describe())
    failure(() => nsm.describePcr(16))
    failure(() => nsm.extendPcr(16, Uint8Array.of(1, 2)))
    failure(() => nsm.lockPcr(16))
    failure(() => nsm.document({ nonce: Uint8Array.of(9), userData: null, publicKey: null }))
    expect(asked.slice(0, 2)).to.deep.equal(['6947657452616e646f6d', '6b44657363726962654e534d'])
    expect(asked.slice(2).map((hex) => decodeCbor(Buffer.from(hex, 'hex'), { canonical: true }))).to.deep.equal([
      { DescribePCR: { index: 16 } },
      { ExtendPCR: { index: 16, data: Uint8Array.of(1, 2) } },
      { LockPCR: { index: 16 } },
      { Attestation: { nonce: Uint8Array.of(9), user_data: null, public_key: null } },
    ])
  })

  it('reads the one form of each answer', () => {
    expect(answering({ DescribeNSM: DESCRIPTION }).describe()).to.deep.equal({
      version: '1.2.3',
      moduleId: 'i-0-enc0',
      pcrsMax: 32,
      lockedPcrs: [0, 31],
    })
    expect(answering({ DescribePCR: { lock: true, data: PCR } }).describePcr(0)).to.deep.equal({
      locked: true,
      value: PCR,
    })
    expect(answering({ ExtendPCR: { data: PCR } }).extendPcr(16, PCR)).to.deep.equal(PCR)
    expect(answering('LockPCR').lockPcr(16)).to.equal(undefined)
  })

  const calls: { name: string; call: (nsm: Nsm) => unknown; honest: Answer; wrong: readonly Answer[] }[] = [
    {
      name: 'GetRandom',
      call: (nsm) => nsm.random(8),
      honest: { GetRandom: { random: PCR } },
      wrong: [
        { GetRandom: { random: new Uint8Array(0) } },
        { GetRandom: { random: new Uint8Array(257) } },
        { GetRandom: { random: 'seven' } },
        { GetRandom: {} },
        { GetRandom: PCR },
      ],
    },
    {
      name: 'DescribeNSM',
      call: (nsm) => nsm.describe(),
      honest: { DescribeNSM: DESCRIPTION },
      wrong: [
        { DescribeNSM: { ...DESCRIPTION, digest: 'SHA256' } },
        { DescribeNSM: { ...DESCRIPTION, module_id: '' } },
        { DescribeNSM: { ...DESCRIPTION, module_id: 'i'.repeat(129) } },
        { DescribeNSM: { ...DESCRIPTION, max_pcrs: 33 } },
        { DescribeNSM: { ...DESCRIPTION, max_pcrs: -1 } },
        { DescribeNSM: { ...DESCRIPTION, locked_pcrs: [32] } },
        { DescribeNSM: { ...DESCRIPTION, locked_pcrs: 3 } },
        { DescribeNSM: { ...DESCRIPTION, version_major: '1' } },
        { DescribeNSM: { ...DESCRIPTION, more: 1 } },
      ],
    },
    {
      name: 'DescribePCR',
      call: (nsm) => nsm.describePcr(0),
      honest: { DescribePCR: { lock: false, data: PCR } },
      wrong: [
        { DescribePCR: { lock: 0, data: PCR } },
        { DescribePCR: { lock: true, data: PCR.slice(1) } },
        { DescribePCR: { lock: true, data: new Uint8Array(49) } },
        { DescribePCR: { data: PCR } },
        { DescribePCR: { lock: true, data: PCR, more: 1 } },
      ],
    },
    {
      name: 'ExtendPCR',
      call: (nsm) => nsm.extendPcr(16, PCR),
      honest: { ExtendPCR: { data: PCR } },
      wrong: [{ ExtendPCR: { data: null } }, { ExtendPCR: { data: PCR.slice(1) } }],
    },
    {
      name: 'LockPCR',
      call: (nsm) => nsm.lockPcr(16),
      honest: 'LockPCR',
      wrong: ['LockPCRs', { LockPCR: {} }],
    },
    {
      name: 'Attestation',
      call: (nsm) => nsm.document({ nonce: null, userData: null, publicKey: null }),
      honest: { Attestation: { document: PCR } },
      wrong: [{ Attestation: { document: new Uint8Array(0) } }, { Attestation: { document: null } }],
    },
  ]
  for (const { name, call, honest, wrong } of calls) {
    it(`takes ${name} in its one form, and refuses every other answer to it`, () => {
      call(answering(honest))
      const strangers: Answer[] = [
        { Error: 'InternalError' },
        'GetRandom ',
        {},
        { Error: 1 },
        { [name]: null, more: 1 },
      ]
      for (const answer of [...wrong, ...strangers]) failure(() => call(answering(answer)))
      for (const bytes of [new Uint8Array(0), Uint8Array.of(0xff), Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff)])
        failure(() => call(answering(bytes)))
    })
  }

  it("passes on the module's own name of an error", () => {
    expect(failure(() => answering({ Error: 'ReadOnlyIndex' }).lockPcr(3))).to.match(/ReadOnlyIndex/)
  })

  it('names the error of the kernel where the device gives one', () => {
    const nsm = openNsm(() => {
      throw Object.assign(new Error('EMSGSIZE: message too long'), { code: 'EMSGSIZE' })
    })
    expect(failure(() => nsm.describe())).to.match(/EMSGSIZE/)
  })

  it('passes on a failure that the device has named itself', () => {
    const named = new CodedError('NSM_FAILED', 'the device is gone')
    const nsm = openNsm(() => {
      throw named
    })
    expect(failure(() => nsm.describe())).to.equal('the device is gone')
  })

  it('asks for nothing that the driver would refuse for its size', () => {
    let asked = 0
    const nsm = openNsm((request) => {
      asked = request.length
      return encodeCbor({ Attestation: { document: PCR } })
    })
    nsm.document({ nonce: null, userData: new Uint8Array(4_000), publicKey: null })
    expect(asked).to.be.within(4_000, NSM_REQUEST_BYTES_MAX)
    asked = 0
    failure(() => nsm.document({ nonce: null, userData: new Uint8Array(NSM_REQUEST_BYTES_MAX), publicKey: null }))
    expect(asked).to.equal(0)
  })

  it('refuses an answer that is larger than the response buffer', () => {
    const document = (bytes: number): Answer => ({ Attestation: { document: new Uint8Array(bytes) } })
    const ask = (answer: Answer) => answering(answer).document({ nonce: null, userData: null, publicKey: null })
    expect(ask(document(0x2f00))).to.have.length(0x2f00)
    failure(() => ask(document(0x3000)))
  })

  it('draws as many random bytes as it is asked for, whatever part the module gives', () => {
    const nsm = openNsm(openDevelopmentNsm())
    for (const bytes of [0, 1, 255, 256, 257, NSM_RANDOM_BYTES_MAX]) expect(nsm.random(bytes)).to.have.length(bytes)
    const parts = answering({ GetRandom: { random: Uint8Array.of(1, 2, 3) } })
    expect(parts.random(7)).to.deep.equal(Uint8Array.of(1, 2, 3, 1, 2, 3, 1))
    failure(() => nsm.random(NSM_RANDOM_BYTES_MAX + 1))
  })
})
