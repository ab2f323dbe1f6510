import { expect } from 'chai'
import { wei } from '../../../../enclave/protocol/money.ts'
import { type Policy, parsePolicy, policyCodec, policyHash } from '../../../../enclave/protocol/policy.ts'
import { anAddress, aPolicy } from '../../../builders/boot.ts'
import { GOVERNED } from '../../../builders/governors.ts'
import { codeOf } from '../../../builders/refusals.ts'

const honest = aPolicy(GOVERNED)
const verdictOn = (value: unknown) => codeOf(() => parsePolicy(value))

describe('a policy', () => {
  it('is read back from its canonical form with the same hash', () => {
    const read = parsePolicy(policyCodec.encode(honest))
    expect(read).to.deep.equal(honest)
    expect(policyHash(read)).to.equal(policyHash(honest))
  })

  const CONTRADICTIONS: readonly (readonly [string, Partial<Policy>])[] = [
    ['a quorum above the number of admins', { quorum: 4 }],
    ['admins without a quorum', { quorum: 0 }],
    ['a quorum without admins', { admins: [] }],
    ['admins out of order', { admins: [...honest.admins].reverse() }],
    ['an admin twice', { admins: [honest.admins[0], honest.admins[0]] as Policy['admins'] }],
    ['registrars out of order', { registrars: [anAddress(2), anAddress(1)] }],
    ['registration by registrars of whom there are none', { registrars: [] }],
    ['reporters out of order', { reporters: [...honest.reporters].reverse() }],
    [
      'lifetime caps that add up to 2^127',
      { journal: { windowWeiMax: wei(1n), lifetimeWeiMax: wei(2n ** 127n - 1n) } },
    ],
    ['denied recipients out of order', { deniedRecipients: [anAddress(2), anAddress(1)] }],
    ['a zero address among the denied', { deniedRecipients: [anAddress(0)] }],
    ['a treasury owner who is denied', { deniedRecipients: [honest.treasuryOwner] }],
    ['no window', { windowSeconds: 0 }],
    ['a recipient’s window below the smallest payout', { recipientWindowWeiMax: wei(1n) }],
    ['a window of all below the smallest payout', { rollingWeiMax: wei(1n) }],
    ['a smallest payout above the largest', { payoutWeiMin: wei(2n ** 90n) }],
    ['a payout of 2^96 wei', { payoutWeiMax: wei(2n ** 96n) }],
    ['no anchor', { anchor: anAddress(0) }],
    ['one address as anchor and broker', { broker: honest.anchor }],
    ['no gas', { gasMax: 0 }],
  ]

  for (const [what, over] of CONTRADICTIONS)
    it(`is refused with ${what}`, () => {
      expect(verdictOn(policyCodec.encode({ ...honest, ...over }))).to.equal('POLICY_INVALID')
    })

  it('is refused with a field more or less, at any depth', () => {
    const value = policyCodec.encode(honest) as { [field: string]: unknown }
    expect(verdictOn({ ...value, dailyMax: 1 })).to.equal('POLICY_INVALID')
    expect(verdictOn({ ...value, journal: { windowWeiMax: '1' } })).to.equal('POLICY_INVALID')
    for (const field of Object.keys(value)) {
      const { [field]: _, ...less } = value
      expect(verdictOn(less), field).to.equal('POLICY_INVALID')
    }
  })
})
