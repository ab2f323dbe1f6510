import { expect } from 'chai'
import { openDevelopmentNsm } from '../../../../enclave/development/nsm-device.ts'
import { CodedError, isCoded } from '../../../../enclave/protocol/errors.ts'
import { mixedEntropy } from '../../../../enclave/shell/entropy.ts'
import { openNsm } from '../../../../enclave/shell/nsm.ts'

describe('entropy of two sources', () => {
  const zeros = (bytes: number): Uint8Array => new Uint8Array(bytes)
  const counting = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, at) => at % 251)
  const ones = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(1)

  it('is the one over the other, so that either of them alone may be known', () => {
    expect(mixedEntropy({ random: zeros }, counting)(300)).to.deep.equal(counting(300))
    expect(mixedEntropy({ random: counting }, zeros)(32)).to.deep.equal(counting(32))
    expect(mixedEntropy({ random: ones }, counting)(32)).to.deep.equal(counting(32).map((byte) => byte ^ 1))
  })

  it('asks the NSM for at most 256 bytes at once, for every byte', () => {
    const asked: number[] = []
    const random = (bytes: number): Uint8Array => {
      asked.push(bytes)
      return ones(bytes)
    }
    expect(mixedEntropy({ random }, zeros)(600)).to.deep.equal(ones(600))
    expect(asked).to.deep.equal([256, 256, 88])
  })

  it('does not repeat itself over a development module', () => {
    const draw = mixedEntropy(openNsm(openDevelopmentNsm()))
    const draws = Array.from({ length: 50 }, () => Buffer.from(draw(32)).toString('hex'))
    expect(new Set(draws).size).to.equal(50)
  })

  it("gives nothing without the NSM: the kernel's bytes alone are never passed off as both", () => {
    const failing = {
      random: (): Uint8Array => {
        throw new CodedError('NSM_FAILED', 'no answer')
      },
    }
    let code = ''
    try {
      mixedEntropy(failing)(32)
    } catch (error) {
      if (isCoded(error)) code = error.code
    }
    expect(code).to.equal('NSM_FAILED')
  })
})
