import { strict as assert } from 'node:assert'
import { lintKeyPolicy } from '../../scripts/kms/lint.ts'
import { type KeyPolicy, keyPolicy } from '../../scripts/kms/policy.ts'

const ACCOUNT = '111122223333'
const HOST_ROLE = `arn:aws:iam::${ACCOUNT}:role/host`
const IMAGE = { name: 'core', pcr0: 'a0'.repeat(48), pcr1: 'a1'.repeat(48), pcr2: 'a2'.repeat(48) }
const ZEROS = '0'.repeat(96)
const DENIES = ['NoUseUnattested', 'NoUseByOtherImages', 'NoUseWithoutLedger', 'NoWayAround']

function honest(): KeyPolicy {
  const adminArns = [`arn:aws:iam::${ACCOUNT}:role/key-admin`]
  return keyPolicy({ images: [IMAGE], roleArn: HOST_ROLE, adminArns, context: {} })
}

function errorsOf(policy: object): string[] {
  const findings = lintKeyPolicy(new TextEncoder().encode(JSON.stringify(policy)), [IMAGE])
  return findings.filter(({ severity }) => severity === 'error').map(({ id }) => id)
}

function withAllow(principal: string, action: string): object {
  const more = { Sid: 'Convenience', Effect: 'Allow', Principal: { AWS: principal }, Action: [action], Resource: '*' }
  return { ...honest(), Statement: [...honest().Statement, more] }
}

describe('N23: a hole in the key policy', () => {
  it('is not in the policy that is generated', () => {
    assert.deepEqual(errorsOf(honest()), [])
  })

  it('is found when the host’s role, or the account, may decrypt without a document', () => {
    for (const principal of [HOST_ROLE, `arn:aws:iam::${ACCOUNT}:root`])
      for (const action of ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:Dec*', 'kms:*'])
        assert(errorsOf(withAllow(principal, action)).includes('ALLOW_UNATTESTED'), `${principal} ${action}`)
    assert.deepEqual(errorsOf(withAllow(HOST_ROLE, 'kms:DescribeKey')), [])
  })

  it('is found when the image’s own statement loses its conditions', () => {
    const [use, ...rest] = honest().Statement
    const { Condition: _, ...open } = use as KeyPolicy['Statement'][number]
    assert(errorsOf({ ...honest(), Statement: [open, ...rest] }).includes('ALLOW_UNATTESTED'))
  })

  it('is found when zeros are admitted, which every debug enclave measures', () => {
    for (const part of [IMAGE.pcr0, IMAGE.pcr1, IMAGE.pcr2]) {
      const zeroed = JSON.parse(JSON.stringify(honest()).replaceAll(part, ZEROS))
      assert(errorsOf(zeroed).includes('PCR_ZERO'), part)
    }
  })

  it('is found when a Deny is missing that would win over it', () => {
    for (const sid of DENIES) {
      const Statement = honest().Statement.filter(({ Sid }) => Sid !== sid)
      assert.equal(errorsOf({ ...honest(), Statement }).length, 1, sid)
    }
  })
})
