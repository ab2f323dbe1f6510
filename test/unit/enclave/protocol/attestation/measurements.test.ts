import { expect } from 'chai'
import {
  checkInstance,
  MEASUREMENTS_FORMAT,
  MEASUREMENTS_MAX,
  parseMeasurements,
} from '../../../../../enclave/protocol/attestation/measurements.ts'
import { toHex } from '../../../../../enclave/protocol/ids.ts'
import { utf8 } from '../../../../../enclave/protocol/words.ts'
import { pcr4Of } from '../../../../builders/attestation.ts'
import { verdictOf } from '../../../../builders/expectations.ts'

const PCR = 'ab'.repeat(48)
const IMAGE = { name: 'v1', pcr0: PCR, pcr1: PCR, pcr2: PCR }

function fileOf(images: unknown, over: object = {}): Uint8Array {
  return utf8(JSON.stringify({ format: MEASUREMENTS_FORMAT, images, ...over }))
}

describe('the measurements file of a release', () => {
  it('is read with what it pins, in the form in which AWS prints registers', () => {
    const [only] = parseMeasurements(fileOf([{ ...IMAGE, pcr3: 'cd'.repeat(48) }]))
    expect(only?.name).to.equal('v1')
    expect(only?.pcr3 && toHex(only.pcr3)).to.equal(`0x${'cd'.repeat(48)}`)
    expect(Object.keys(only ?? {})).to.have.members(['name', 'pcr0', 'pcr1', 'pcr2', 'pcr3'])
  })

  it('may hold the zeros of a rehearsal: the verifier refuses them, not the reader', () => {
    const zero = '00'.repeat(48)
    expect(verdictOf(() => parseMeasurements(fileOf([{ ...IMAGE, pcr0: zero }])))).to.equal('accepted')
  })

  it('is refused where it would decide nothing, or less than it seems to', () => {
    const many = Array.from({ length: MEASUREMENTS_MAX + 1 }, (_, at) => ({ ...IMAGE, name: `v${at}` }))
    const wrong: readonly (readonly [about: string, file: Uint8Array])[] = [
      ['no image', fileOf([])],
      ['too many', fileOf(many)],
      ['one image in place of a list', fileOf(IMAGE)],
      ['no list', fileOf(null)],
      ['null', fileOf([null])],
      ['another format', fileOf([IMAGE], { format: 'anchorhold-measurements/2' })],
      ['no format', utf8(JSON.stringify({ images: [IMAGE] }))],
      ['another key beside', fileOf([IMAGE], { more: 1 })],
      ['a register that nobody looks at', fileOf([{ ...IMAGE, pcr4: PCR }])],
      ['a misspelt register', fileOf([{ ...IMAGE, PCR3: PCR }])],
      ['no name', fileOf([{ pcr0: PCR, pcr1: PCR, pcr2: PCR }])],
      ['an empty name', fileOf([{ ...IMAGE, name: '' }])],
      ['one name twice', fileOf([IMAGE, IMAGE])],
      ...['pcr0', 'pcr1', 'pcr2'].map(
        (key) =>
          [`no ${key}`, fileOf([Object.fromEntries(Object.entries(IMAGE).filter(([name]) => name !== key))])] as const,
      ),
      ['a short register', fileOf([{ ...IMAGE, pcr1: PCR.slice(2) }])],
      ['a long register', fileOf([{ ...IMAGE, pcr1: `${PCR}ab` }])],
      ['upper case', fileOf([{ ...IMAGE, pcr1: PCR.toUpperCase() }])],
      ['0x', fileOf([{ ...IMAGE, pcr1: `0x${PCR}` }])],
      ['a null register', fileOf([{ ...IMAGE, pcr3: null }])],
      ['no JSON', utf8('pcr0')],
      ['one key twice', utf8(`{"format":"${MEASUREMENTS_FORMAT}","images":[],"images":[]}`)],
    ]
    expect(verdictOf(() => parseMeasurements(fileOf([IMAGE])))).to.equal('accepted')
    for (const [about, file] of wrong)
      expect(
        verdictOf(() => parseMeasurements(file)),
        about,
      ).to.equal('ATTESTATION_EXPECTATION')
  })
})

describe('PCR4', () => {
  const moduleId = 'i-0123456789abcdef0-enc0123456789abcdef'

  it('is that of the instance in the module id, and of no other', () => {
    const verdict = (pcr: Uint8Array | undefined, id: string) =>
      verdictOf(() => checkInstance({ moduleId: id, pcrs: new Map(pcr === undefined ? [] : [[4, pcr]]) }))
    expect(verdict(pcr4Of(moduleId), moduleId)).to.equal('accepted')
    expect(verdict(pcr4Of(moduleId), 'i-0123456789abcdef0-enc1111111111111111')).to.equal('accepted')
    expect(verdict(pcr4Of(moduleId), 'i-1123456789abcdef0-enc0123456789abcdef')).to.equal('ATTESTATION_MEASUREMENT')
    expect(verdict(new Uint8Array(48), moduleId)).to.equal('ATTESTATION_MEASUREMENT')
    expect(verdict(undefined, moduleId)).to.equal('ATTESTATION_MEASUREMENT')
  })
})
