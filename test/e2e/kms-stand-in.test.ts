/** The stand-in itself: what it lets pass it must let pass for KMS's reasons, or every test above it proves nothing. */
import { expect } from 'chai'
import { judgePolicy, type PolicyDocument } from '../stand-ins/kms/policy.ts'
import { signatureFault } from '../stand-ins/kms/signature.ts'
import { PARENT, PARENT_ROLE } from '../stand-ins/kms/start.ts'
import { CONTEXT, contextValues, imagePcrs, imagePolicy } from '../stand-ins/kms/world.ts'

function honestKeys(): { [name: string]: string } {
  const keys: { [name: string]: string } = {}
  for (const [name, [value = '']] of Object.entries(contextValues())) keys[`kms:EncryptionContext:${name}`] = value
  for (const [index, value] of imagePcrs())
    keys[`kms:RecipientAttestation:PCR${index}`] = Buffer.from(value).toString('hex')
  return keys
}

const HONEST = { principal: PARENT_ROLE, action: 'kms:Decrypt', keys: honestKeys() }
const POLICY: PolicyDocument = imagePolicy(contextValues())

describe('the key policy as the stand-in of KMS judges it', () => {
  it('lets the attested image in under the whole context, whatever the case of its measurements', () => {
    expect(judgePolicy(POLICY, HONEST)).to.equal('allow')
    const upper = Object.fromEntries(
      Object.entries(honestKeys()).map(([name, value]) => [name, name.includes('PCR') ? value.toUpperCase() : value]),
    )
    expect(judgePolicy(POLICY, { ...HONEST, keys: upper })).to.equal('allow')
  })

  it('lets nobody in with any one condition key absent or changed', () => {
    for (const name of Object.keys(honestKeys())) {
      const { [name]: value = '', ...rest } = honestKeys()
      expect(judgePolicy(POLICY, { ...HONEST, keys: rest }), `without ${name}`).to.not.equal('allow')
      const changed = { ...rest, [name]: `${value.slice(0, -1)}x` }
      expect(judgePolicy(POLICY, { ...HONEST, keys: changed }), `other ${name}`).to.not.equal('allow')
    }
    expect(CONTEXT.role).to.equal('core')
  })

  it('lets nobody in as another principal, nor for an action that is not named', () => {
    expect(judgePolicy(POLICY, { ...HONEST, principal: `${PARENT_ROLE}2` })).to.equal('no allow')
    for (const action of ['kms:Encrypt', 'kms:ReEncryptFrom', 'kms:CreateGrant', 'kms:GenerateDataKeyPair'])
      expect(judgePolicy(POLICY, { ...HONEST, action }), action).to.not.equal('allow')
  })

  it('lets a deny win over any allow', () => {
    const open = { Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }
    const opened: PolicyDocument = { ...POLICY, Statement: [open, ...POLICY.Statement] }
    expect(judgePolicy(opened, { ...HONEST, action: 'kms:DescribeKey' })).to.equal('allow')
    expect(judgePolicy(opened, { ...HONEST, keys: {} })).to.equal('explicit deny')
  })

  it('judges nothing that it does not know', () => {
    const statement = { Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }
    const strange: PolicyDocument['Statement'] = [
      { ...statement, Condition: { StringLike: { 'kms:RecipientAttestation:PCR0': '*' } } },
      { ...statement, Resource: 'arn:aws:kms:::key/1' },
      { ...statement, Effect: 'Maybe' },
      { ...statement, NotAction: 'kms:*' } as PolicyDocument['Statement'][number],
    ]
    for (const each of strange) {
      const judged = () => judgePolicy({ Version: '2012-10-17', Statement: [each] }, HONEST)
      expect(judged).to.throw(/the stand-in of KMS knows|no Effect/)
    }
  })
})

describe('the signature as the stand-in of KMS checks it', () => {
  it('is missing in a request without one, and in one of another form', () => {
    for (const authorization of [undefined, '', 'Basic abc', 'AWS4-HMAC-SHA256 Credential=x'])
      expect(
        signatureFault({ headers: { authorization }, body: new Uint8Array(0) }, PARENT, 'eu-central-1', 0),
      ).to.equal('MissingAuthenticationTokenException')
  })
})
