import { expect } from 'chai'
import { lintKeyPolicy } from '../../../../scripts/kms/lint.ts'
import { covers } from '../../../../scripts/kms/names.ts'
import {
  ACCOUNT_ROOT,
  ADMIN_ROLE,
  aKeyPolicy,
  anImage,
  changed,
  demand,
  forget,
  found,
  HOST_ROLE,
  moved,
  NEXT_IMAGE,
  PCR0,
  pcr,
  statement,
  withAnother,
  without,
} from './key-policies.ts'

describe('the actions that a pattern covers', () => {
  const COVERED: readonly (readonly [pattern: string, action: string])[] = [
    ['kms:Decrypt', 'kms:Decrypt'],
    ['KMS:decrypt', 'kms:Decrypt'],
    ['*', 'kms:Decrypt'],
    ['kms:*', 'kms:Decrypt'],
    ['kms:**', 'kms:Decrypt'],
    ['kms:De*pt', 'kms:Decrypt'],
    ['kms:*e*r*t', 'kms:ReEncryptFromIt'],
    ['kms:?ecrypt', 'kms:Decrypt'],
    ['kms:Decrypt*', 'kms:Decrypt'],
    ['*:D*??', 'kms:Decrypt'],
    ['kms:*a*ab', 'kms:aaab'],
  ]
  const OPEN: readonly (readonly [pattern: string, action: string])[] = [
    ['kms:Decryp', 'kms:Decrypt'],
    ['kms:Decrypts', 'kms:Decrypt'],
    ['ms:Decrypt', 'kms:Decrypt'],
    ['kms:?Decrypt', 'kms:Decrypt'],
    ['kms:Decrypt?', 'kms:Decrypt'],
    ['kms:D*x', 'kms:Decrypt'],
    ['kms:.*', 'kms:Decrypt'],
    ['', 'kms:Decrypt'],
    ['kms.Decrypt', 'kms:Decrypt'],
  ]

  it('are those that IAM would match, and no others', () => {
    for (const [pattern, action] of COVERED) expect(covers([pattern], action), `${pattern} ${action}`).to.equal(true)
    for (const [pattern, action] of OPEN) expect(covers([pattern], action), `${pattern} ${action}`).to.equal(false)
  })

  it('are found at once under a pattern that is made to take for ever', () => {
    const hostile = `kms:${'*e'.repeat(10_000)}x`
    const policy = withAnother(aKeyPolicy(), { Principal: { AWS: HOST_ROLE }, Action: hostile })
    expect(found(policy, 'error')).to.deep.equal(['ACTION_WILDCARD'])
  })
})

describe('the linter of key policies, beside single holes', () => {
  it('refuses capitals where the comparison is exact, and takes them where case is ignored', () => {
    const loud = demand('StringEqualsIgnoreCase', 'kms:RecipientAttestation:PCR1', pcr('A1'))(aKeyPolicy())
    expect(found(loud, 'error')).to.deep.equal([])
    expect(found(moved('StringEquals')(loud), 'error')).to.deep.equal(['PCR_FORM'])
  })

  it('takes ImageSha384 for PCR0, which it equals', () => {
    const policy = aKeyPolicy()
    const named = JSON.parse(JSON.stringify(policy).replaceAll(PCR0, 'kms:RecipientAttestation:ImageSha384'))
    expect(found(named, 'error')).to.deep.equal([])
  })

  it('refuses an image that the release does not name, by any of its three parts', () => {
    expect(found(aKeyPolicy(), 'error', [anImage()])).to.deep.equal([])
    for (const part of ['pcr0', 'pcr1', 'pcr2'])
      expect(found(aKeyPolicy(), 'error', [anImage({ [part]: pcr('cc') })]), part).to.deep.equal([
        'MEASUREMENT_UNKNOWN',
      ])
  })

  it('refuses a value that the release does not name where only the Deny has it', () => {
    const policy = changed('NoUseByOtherImages', (one) =>
      one.Condition.StringNotEqualsIgnoreCase[PCR0].push(pcr('b0')),
    )(aKeyPolicy())
    expect(found(policy, 'error', [anImage()])).to.deep.equal(['MEASUREMENT_UNKNOWN'])
    expect(found(policy, 'warning')).to.include('IMAGE_STALE')
  })

  it('warns of an image of the release that may not use the key', () => {
    expect(found(aKeyPolicy(), 'warning', [anImage(), NEXT_IMAGE])).to.include('MEASUREMENT_UNUSED')
  })

  it('warns of an Allow without PCR3, and of one for another role', () => {
    const key = 'kms:RecipientAttestation:PCR3'
    expect(found(forget(key)(aKeyPolicy()), 'warning')).to.include('PCR3_MISSING')
    expect(found(demand('StringEqualsIgnoreCase', key, pcr('a3'))(aKeyPolicy()), 'warning')).to.include(
      'PCR3_OTHER_ROLE',
    )
  })

  it('warns of a value of the context that is demanded but not pinned', () => {
    expect(found(without(aKeyPolicy(), 'NoUseForOtherLedger'), 'warning')).to.include('CONTEXT_UNPINNED')
  })

  it('warns of a Deny with several conditions, even where another one does its work', () => {
    const narrowed = { Effect: 'Deny', Principal: '*', Action: 'kms:*' }
    const conditions = { Null: { [PCR0]: 'true', 'kms:EncryptionContext:ledger': 'true' } }
    const policy = withAnother(aKeyPolicy(), { ...narrowed, Condition: conditions })
    expect(found(policy, 'error')).to.deep.equal([])
    expect(found(policy, 'warning')).to.include('DENY_NARROWED')
  })

  it('names everyone who may write the policy or end the key', () => {
    const more = { Principal: { AWS: ACCOUNT_ROOT }, Action: ['kms:PutKeyPolicy', 'kms:ScheduleKeyDeletion'] }
    const bytes = new TextEncoder().encode(JSON.stringify(withAnother(aKeyPolicy(), more)))
    const findings = lintKeyPolicy(bytes)
    const writers = findings.filter(({ id }) => id === 'POLICY_WRITER').map((one) => one.found)
    expect(writers).to.deep.equal([ADMIN_ROLE, ACCOUNT_ROOT])
    expect(findings.map(({ id }) => id)).to.include('KEY_ENDANGERED')
  })

  it('warns of a statement without a name, and still says where it stands', () => {
    const { Sid: _, ...unnamed } = statement(aKeyPolicy(), 'AdminWithoutUse')
    const policy = without(aKeyPolicy(), 'AdminWithoutUse')
    const findings = lintKeyPolicy(
      new TextEncoder().encode(JSON.stringify({ ...policy, Statement: [...policy.Statement, unnamed] })),
    )
    const at = policy.Statement.length + 1
    expect(findings.find(({ id }) => id === 'SID_MISSING')?.statement).to.equal(`statement ${at}`)
  })

  it('puts errors before warnings, and gives each finding a place, what was found and what to do', () => {
    const findings = lintKeyPolicy(new TextEncoder().encode(JSON.stringify(without(aKeyPolicy(), 'NoWayAround'))))
    expect(findings.map(({ severity }) => severity)).to.deep.equal(['error', 'warning'])
    for (const one of findings) expect([one.statement, one.found, one.action]).to.not.include('')
  })

  it('reads a policy with a single statement outside a list', () => {
    const { Statement } = aKeyPolicy()
    const errors = found({ Version: '2012-10-17', Statement: Statement[0] }, 'error')
    expect(errors).to.include('DENY_UNATTESTED_MISSING').and.not.include('NOT_A_POLICY')
  })
})
