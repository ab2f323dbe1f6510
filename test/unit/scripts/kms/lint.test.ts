import { expect } from 'chai'
import { FINDINGS, type FindingId } from '../../../../scripts/kms/findings.ts'
import {
  ACCOUNT_ROOT,
  ADMIN_ROLE,
  aKeyPolicy,
  changed,
  demand,
  forget,
  found,
  HOST_ROLE,
  type Loose,
  moved,
  PCR0,
  pcr,
  withAnother,
  without,
} from './key-policies.ts'

const ZEROS = '0'.repeat(96)

type Flip = readonly [claim: string, flip: (policy: Loose) => Loose, errors: readonly FindingId[]]

const another = (more: Loose) => (policy: Loose) => withAnother(policy, more)

const ALLOWS: readonly Flip[] = [
  ['without any condition', changed('UseByImage', (one) => delete one.Condition), ['ALLOW_UNATTESTED']],
  ['without PCR0', forget(PCR0), ['ALLOW_UNATTESTED']],
  ['without PCR1', forget('kms:RecipientAttestation:PCR1'), ['ALLOW_UNATTESTED']],
  ['without PCR2', forget('kms:RecipientAttestation:PCR2'), ['ALLOW_UNATTESTED']],
  ['by IfExists', moved('StringEqualsIfExists'), ['ALLOW_UNATTESTED', 'CONDITION_IF_EXISTS', 'CONDITION_PATTERN']],
  ['by ForAllValues', moved('ForAllValues:StringEquals'), ['ALLOW_UNATTESTED', 'CONDITION_PATTERN', 'CONDITION_SET']],
  ['by ForAnyValue', moved('ForAnyValue:StringEquals'), ['ALLOW_UNATTESTED', 'CONDITION_PATTERN', 'CONDITION_SET']],
  ['by an inequality', moved('StringNotEquals'), ['ALLOW_UNATTESTED', 'CONDITION_NEGATED']],
  ['by a pattern', moved('StringLike'), ['ALLOW_UNATTESTED', 'CONDITION_PATTERN']],
  [
    'that only asks for a document',
    changed('UseByImage', (one) => {
      one.Condition = { Null: { [PCR0]: 'false' } }
    }),
    ['ALLOW_UNATTESTED'],
  ],
  [
    'with two values of PCR1',
    demand('StringEqualsIgnoreCase', 'kms:RecipientAttestation:PCR1', [pcr('a1'), pcr('b1')]),
    ['PCR_SEVERAL'],
  ],
  [
    'with a policy variable',
    demand('StringEquals', 'kms:CallerAccount', `\${aws:PrincipalTag/a}`),
    ['CONDITION_VARIABLE'],
  ],
  [
    'to the account',
    changed('UseByImage', (one) => {
      one.Principal = { AWS: [HOST_ROLE, ACCOUNT_ROOT] }
    }),
    ['ALLOW_ACCOUNT'],
  ],
  [
    'to the account by its number',
    changed('UseByImage', (one) => {
      one.Principal = { AWS: '111122223333' }
    }),
    ['ALLOW_ACCOUNT'],
  ],
  [
    'to everyone',
    changed('UseByImage', (one) => {
      one.Principal = '*'
    }),
    ['ALLOW_ANYONE'],
  ],
  [
    'to everyone in a list',
    changed('UseByImage', (one) => {
      one.Principal = { AWS: ['*'] }
    }),
    ['ALLOW_ANYONE'],
  ],
  [
    'to whoever writes the policy',
    changed('UseByImage', (one) => {
      one.Principal = { AWS: ADMIN_ROLE }
    }),
    ['POLICY_WRITER_USES'],
  ],
  [
    'for a service',
    another({ Principal: { Service: 'ec2.amazonaws.com' }, Action: 'kms:Decrypt' }),
    ['ALLOW_UNATTESTED'],
  ],
]

const ADDED: readonly Flip[] = [
  [
    'of everything to the account',
    another({ Principal: { AWS: ACCOUNT_ROOT }, Action: 'kms:*' }),
    ['ACTION_WILDCARD', 'ALLOW_ACCOUNT', 'ALLOW_AROUND', 'ALLOW_IMPORT', 'ALLOW_UNATTESTED', 'POLICY_WRITER_USES'],
  ],
  [
    'of a wildcard in place of letters',
    another({ Principal: { AWS: ADMIN_ROLE }, Action: 'kms:Decr?pt' }),
    ['ACTION_WILDCARD', 'ALLOW_UNATTESTED', 'POLICY_WRITER_USES'],
  ],
  [
    'of everything',
    another({ Principal: { AWS: HOST_ROLE }, Action: '*' }),
    ['ACTION_WILDCARD', 'ALLOW_AROUND', 'ALLOW_IMPORT', 'ALLOW_UNATTESTED', 'POLICY_WRITER_USES'],
  ],
  ['in other letters', another({ Principal: { AWS: HOST_ROLE }, Action: 'KMS:dECRYPT' }), ['ALLOW_UNATTESTED']],
  ...[
    'GenerateDataKey',
    'GenerateDataKeyWithoutPlaintext',
    'GenerateDataKeyPair',
    'GenerateDataKeyPairWithoutPlaintext',
    'DeriveSharedSecret',
  ].map(
    (action): Flip => [
      `of ${action} without a document`,
      another({ Principal: { AWS: HOST_ROLE }, Action: `kms:${action}` }),
      ['ALLOW_UNATTESTED'],
    ],
  ),
  ...['Encrypt', 'ReEncryptFrom', 'ReEncryptTo', 'CreateGrant', 'ReplicateKey'].map(
    (action): Flip => [
      `of ${action}`,
      another({ Principal: { AWS: HOST_ROLE }, Action: [`kms:${action}`] }),
      ['ALLOW_AROUND'],
    ],
  ),
  [
    'of all actions but one',
    another({ Principal: { AWS: ADMIN_ROLE }, NotAction: 'kms:Decrypt', Action: undefined }),
    [
      'ACTION_WILDCARD',
      'ALLOW_AROUND',
      'ALLOW_IMPORT',
      'ALLOW_UNATTESTED',
      'ELEMENT_FORM',
      'NOT_ELEMENT',
      'POLICY_WRITER_USES',
    ],
  ],
  [
    'to all but one',
    another({ NotPrincipal: { AWS: ADMIN_ROLE }, Action: 'kms:DescribeKey' }),
    ['ALLOW_ANYONE', 'ELEMENT_FORM', 'NOT_ELEMENT'],
  ],
  [
    'on all resources but one',
    another({ Principal: { AWS: ADMIN_ROLE }, Action: 'kms:DescribeKey', Resource: undefined, NotResource: 'a' }),
    ['NOT_ELEMENT', 'RESOURCE'],
  ],
  [
    'on another resource',
    another({ Principal: { AWS: ADMIN_ROLE }, Action: 'kms:DescribeKey', Resource: 'arn:aws:kms:::key/a' }),
    ['RESOURCE'],
  ],
  [
    'of importing key material',
    another({ Principal: { AWS: ADMIN_ROLE }, Action: 'kms:ImportKeyMaterial' }),
    ['ALLOW_IMPORT'],
  ],
]

const CONTEXTS = ['Ledger', 'Config', 'Role', 'Purpose', 'KeyVersion'] as const
const DENIES: readonly Flip[] = [
  ['without a document is gone', (policy) => without(policy, 'NoUseUnattested'), ['DENY_UNATTESTED_MISSING']],
  ['of other images is gone', (policy) => without(policy, 'NoUseByOtherImages'), ['DENY_OTHER_IMAGES_MISSING']],
  ['of the ways around is gone', (policy) => without(policy, 'NoWayAround'), ['DENY_AROUND_MISSING']],
  ...CONTEXTS.map(
    (name): Flip => [
      `without ${name} is gone`,
      (policy) => without(policy, `NoUseWithout${name}`),
      ['DENY_CONTEXT_MISSING'],
    ],
  ),
  [
    'leaves one action out',
    changed('NoUseUnattested', (one) => {
      one.Action = ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DeriveSharedSecret']
    }),
    ['DENY_UNATTESTED_MISSING'],
  ],
  [
    'is for some only',
    changed('NoUseUnattested', (one) => {
      one.Principal = { AWS: HOST_ROLE }
    }),
    ['DENY_UNATTESTED_MISSING'],
  ],
  [
    'asks for the absence of a part that no document lacks',
    changed('NoUseUnattested', (one) => {
      one.Condition = { Null: { 'kms:RecipientAttestation:PCR9': 'true' } }
    }),
    ['DENY_UNATTESTED_MISSING'],
  ],
  [
    'asks for presence instead of absence',
    changed('NoUseUnattested', (one) => {
      one.Condition.Null[PCR0] = 'false'
    }),
    ['DENY_UNATTESTED_MISSING'],
  ],
  [
    'holds a second key under its operator',
    changed('NoUseUnattested', (one) => {
      one.Condition.Null['kms:RecipientAttestation:PCR1'] = 'true'
    }),
    ['DENY_UNATTESTED_MISSING'],
  ],
  [
    'holds a second operator',
    changed('NoUseWithoutLedger', (one) => {
      one.Condition.Bool = { 'aws:SecureTransport': 'false' }
    }),
    ['DENY_CONTEXT_MISSING'],
  ],
  [
    'compares images by IfExists',
    changed('NoUseByOtherImages', (one) => {
      one.Condition = { StringNotEqualsIfExists: { [PCR0]: [pcr('a0')] } }
    }),
    ['CONDITION_IF_EXISTS', 'DENY_OTHER_IMAGES_MISSING'],
  ],
  [
    'compares images by ForAnyValue',
    changed('NoUseByOtherImages', (one) => {
      one.Condition = { 'ForAnyValue:StringNotEquals': { [PCR0]: [pcr('a0')] } }
    }),
    ['CONDITION_SET', 'DENY_OTHER_IMAGES_MISSING'],
  ],
  [
    'compares images by a pattern',
    changed('NoUseByOtherImages', (one) => {
      one.Condition = { StringNotLike: { [PCR0]: [pcr('a0')] } }
    }),
    ['DENY_OTHER_IMAGES_MISSING'],
  ],
  [
    'of the ways around has a condition',
    changed('NoWayAround', (one) => {
      one.Condition = { Bool: { 'kms:GrantIsForAWSResource': 'false' } }
    }),
    ['DENY_AROUND_MISSING'],
  ],
  [
    'names everyone but one',
    changed('NoWayAround', (one) => {
      delete one.Principal
      one.NotPrincipal = { AWS: ADMIN_ROLE }
    }),
    ['DENY_AROUND_MISSING', 'ELEMENT_FORM', 'NOT_ELEMENT'],
  ],
  [
    'became an Allow',
    changed('NoUseUnattested', (one) => {
      one.Effect = 'Allow'
    }),
    ['ACTION_WILDCARD', 'ALLOW_ANYONE', 'ALLOW_UNATTESTED', 'DENY_UNATTESTED_MISSING'],
  ],
]

const MEASURES: readonly Flip[] = [
  ['zeros for PCR0', demand('StringEqualsIgnoreCase', PCR0, ZEROS), ['IMAGE_DENIED', 'PCR_ZERO']],
  ['zeros for PCR2', demand('StringEqualsIgnoreCase', 'kms:RecipientAttestation:PCR2', ZEROS), ['PCR_ZERO']],
  [
    'zeros among what is not denied',
    changed('NoUseByOtherImages', (one) => one.Condition.StringNotEqualsIgnoreCase[PCR0].push(ZEROS)),
    ['PCR_ZERO'],
  ],
  [
    'a digit too few',
    demand('StringEqualsIgnoreCase', 'kms:RecipientAttestation:PCR1', pcr('a1').slice(1)),
    ['PCR_FORM'],
  ],
  [
    'a letter that is no digit',
    demand('StringEqualsIgnoreCase', 'kms:RecipientAttestation:PCR1', pcr('g1')),
    ['PCR_FORM'],
  ],
  ['capitals under an exact comparison', moved('StringEquals'), []],
  ['another image than is denied to the others', demand('StringEqualsIgnoreCase', PCR0, pcr('b0')), ['IMAGE_DENIED']],
]

const FILES: readonly Flip[] = [
  ['no version', ({ Version: _, ...rest }) => rest, ['VERSION']],
  ['an older version', (policy) => ({ ...policy, Version: '2008-10-17' }), ['VERSION']],
  ['an unknown element', (policy) => ({ ...policy, statement: [] }), ['ELEMENT_UNKNOWN']],
  [
    'an unknown element in a statement',
    changed('UseByImage', (one) => {
      one.condition = {}
    }),
    ['ELEMENT_UNKNOWN'],
  ],
  [
    'one name twice',
    changed('NoUseWithoutRole', (one) => {
      one.Sid = 'NoUseWithoutLedger'
    }),
    ['SID_DOUBLED'],
  ],
  ['no statement', (policy) => ({ ...policy, Statement: [] }), ['NOT_A_POLICY']],
  ['a list at its top', () => [], ['NOT_A_POLICY']],
  ['text behind its end', (policy) => `${JSON.stringify(policy)}x`, ['NOT_A_POLICY']],
  ['a key twice', (policy) => JSON.stringify(policy).replace('{', '{"Version":"2012-10-17",'), ['NOT_A_POLICY']],
  ['more bytes than KMS takes', (policy) => ({ ...policy, Id: 'x'.repeat(32_768) }), ['NOT_A_POLICY']],
]

function each(list: readonly Flip[], title: (claim: string) => string): void {
  for (const [claim, flip, errors] of list)
    it(title(claim), () => {
      expect(found(aKeyPolicy(), 'error')).to.deep.equal([])
      expect(found(flip(aKeyPolicy()), 'error')).to.deep.equal([...errors].sort())
    })
}

describe('the linter of key policies', () => {
  each(ALLOWS, (claim) => `refuses an Allow of use ${claim}`)
  each(ADDED, (claim) => `refuses one more Allow, ${claim}`)
  each(DENIES, (claim) => `counts no Deny that ${claim}`)
  each(MEASURES, (claim) => `judges measurements: ${claim}`)
  each(FILES, (claim) => `refuses a file with ${claim}`)

  it('ends with findings, never with a failure, on any JSON in place of any element', () => {
    const odd = [null, 7, true, '', [], {}, [null], [[]], { AWS: 7 }, { a: { b: null } }]
    for (const element of ['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition'])
      for (const value of odd) {
        const policy = changed('UseByImage', (one) => {
          one[element] = value
        })(aKeyPolicy())
        const harmless = element === 'Sid' || (element === 'Condition' && JSON.stringify(value) === 'null')
        if (!harmless) expect(found(policy, 'error'), `${element} ${JSON.stringify(value)}`).to.not.deep.equal([])
      }
    for (const value of odd) expect(found({ Version: '2012-10-17', Statement: [value] }, 'error')).to.not.deep.equal([])
  })

  it('has a finding of each kind in these tests', () => {
    const listed = [ALLOWS, ADDED, DENIES, MEASURES, FILES].flat().flatMap(([, , errors]) => errors)
    const seen = new Set<string>([...listed, 'MEASUREMENT_UNKNOWN'])
    const errors = Object.entries(FINDINGS).filter(([, { severity }]) => severity === 'error')
    expect(errors.map(([id]) => id).filter((id) => !seen.has(id))).to.deep.equal([])
  })
})
