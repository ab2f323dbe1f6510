import { expect } from 'chai'
import { lockConfiguration } from '../../../../enclave/boot.ts'
import { openDevelopmentNsm } from '../../../../enclave/development/nsm-device.ts'
import { encryptionContext } from '../../../../enclave/keys/encryption-context.ts'
import { configHash, lockedHash, parseConfiguration } from '../../../../enclave/protocol/configuration.ts'
import { toHex } from '../../../../enclave/protocol/ids.ts'
import { parseSignerConfiguration, signerKeyContext } from '../../../../enclave/protocol/signer-configuration.ts'
import { ledgerIdOf } from '../../../../enclave/protocol/typed-data.ts'
import { openNsm } from '../../../../enclave/shell/nsm.ts'
import { pcr3Of } from '../../../../scripts/kms/arn.ts'
import { contextOf, contextOfHash, pcr16Of, readConfiguration } from '../../../../scripts/kms/context.ts'
import { canaryPolicies, hostRolePolicy } from '../../../../scripts/kms/iam.ts'
import { readImages } from '../../../../scripts/kms/measurements.ts'
import { keyPolicy } from '../../../../scripts/kms/policy.ts'
import { codeOf } from '../../../builders/refusals.ts'
import {
  ACCOUNT_ROOT,
  ADMIN_ROLE,
  aKeyPolicy,
  anImage,
  CONFIGURATION,
  found,
  HOST_ROLE,
  KEY_ARN,
  NEXT_IMAGE,
  pcr,
  statement,
  terms,
} from './key-policies.ts'

/** Of HOST_ROLE, by another program's SHA-384. */
const HOST_PCR3 = 'd9d826331840ceb3a51b80347551d026d28f2666aedf3c41cafd998be26fcc7e274797d92b984923787c7f9765509a09'
const POLICY_CHARACTERS_MAX = 32_768
const OPERATOR = 'arn:aws:iam::111122223333:user/operator'
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

describe('the key policy of a ledger', () => {
  it('admits the role of the host with PCR0 to PCR3 of the image, and with nothing less', () => {
    const { Principal, Action, Condition } = statement(aKeyPolicy(), 'UseByImage')
    expect(Principal).to.deep.equal({ AWS: HOST_ROLE })
    expect(Action).to.deep.equal(['kms:Decrypt', 'kms:GenerateDataKey'])
    expect(Condition).to.deep.equal({
      StringEqualsIgnoreCase: {
        'kms:RecipientAttestation:PCR0': pcr('a0'),
        'kms:RecipientAttestation:PCR1': pcr('a1'),
        'kms:RecipientAttestation:PCR2': pcr('a2'),
        'kms:RecipientAttestation:PCR3': HOST_PCR3,
      },
    })
  })

  it('has one statement for each of two images, so that their parts do not mix', () => {
    const policy = aKeyPolicy({ images: [anImage(), NEXT_IMAGE] })
    const conditionOf = (sid: string) => statement(policy, sid).Condition.StringEqualsIgnoreCase
    expect(conditionOf('UseByImage1')['kms:RecipientAttestation:PCR1']).to.equal(pcr('a1'))
    expect(conditionOf('UseByImage2')['kms:RecipientAttestation:PCR1']).to.equal(pcr('b1'))
    const others = statement(policy, 'NoUseByOtherImages').Condition.StringNotEqualsIgnoreCase
    expect(others['kms:RecipientAttestation:PCR0']).to.deep.equal([pcr('a0'), pcr('b0')])
  })

  it('demands the signer of the image and its locked configuration where the release names them', () => {
    const policy = aKeyPolicy({ images: [anImage({ pcr8: pcr('a8'), pcr16: pcr('ac') })] })
    const demanded = statement(policy, 'UseByImage').Condition.StringEqualsIgnoreCase
    expect(demanded['kms:RecipientAttestation:PCR8']).to.equal(pcr('a8'))
    expect(demanded['kms:RecipientAttestation:PCR16']).to.equal(pcr('ac'))
  })

  it('pins every value of the encryption context that the enclave sends, under the same names', () => {
    const policy = aKeyPolicy()
    const context = { ledgerId: ledgerIdOf(CONFIGURATION), config: configHash(CONFIGURATION), keyVersion: 1 }
    const sent = encryptionContext({ ...context, role: 'core' }, 'state')
    for (const [key, value] of Object.entries(sent)) {
      const name = `${key.slice(0, 1).toUpperCase()}${key.slice(1)}`
      const conditionKey = `kms:EncryptionContext:${key}`
      expect(statement(policy, `NoUseWithout${name}`).Condition).to.deep.equal({ Null: { [conditionKey]: 'true' } })
      const pinned = statement(policy, `NoUseForOther${name}`).Condition
      expect(pinned.StringNotEquals[conditionKey]).to.include(value)
    }
    expect(Object.keys(sent)).to.have.length(5)
  })

  it('demands all five names of the context, whatever their values, when no configuration is given', () => {
    const sids = aKeyPolicy({ context: {} }).Statement.map(({ Sid }: { Sid: string }) => Sid)
    expect(sids.filter((sid: string) => sid.startsWith('NoUseWithout'))).to.have.length(5)
    expect(sids.filter((sid: string) => sid.startsWith('NoUseForOther'))).to.have.length(0)
  })

  it('passes its own linter without an error, for one image, for two, and without a configuration', () => {
    const images = [anImage(), NEXT_IMAGE]
    expect(found(aKeyPolicy(), 'error', [anImage()])).to.deep.equal([])
    expect(found(aKeyPolicy(), 'warning', [anImage()])).to.deep.equal(['POLICY_WRITER'])
    expect(found(aKeyPolicy({ images }), 'error', images)).to.deep.equal([])
    expect(found(aKeyPolicy({ context: {} }), 'warning')).to.deep.equal(['CONTEXT_UNPINNED', 'POLICY_WRITER'])
  })

  it('stays below the length that KMS takes with as many images as a changeover has', () => {
    expect(JSON.stringify(aKeyPolicy({ images: [anImage(), NEXT_IMAGE] }), null, 2).length).to.be.below(
      POLICY_CHARACTERS_MAX / 2,
    )
  })

  it('lets an import encrypt for the pinned context only, and its linter does not let that stay', () => {
    const policy = aKeyPolicy({ importArn: ADMIN_ROLE })
    expect(statement(policy, 'EncryptForImport').Condition.StringEquals).to.have.property(
      'kms:EncryptionContext:purpose',
    )
    expect(found(policy, 'error')).to.deep.equal(['ALLOW_AROUND', 'DENY_AROUND_MISSING'])
    expect(codeOf(() => keyPolicy(terms({ importArn: ADMIN_ROLE, context: {} })))).to.equal('CONFIG_INVALID')
  })

  it('refuses a host that administers its own key, an administrator that is a whole account, and none', () => {
    for (const adminArns of [[HOST_ROLE], [ACCOUNT_ROOT], ['*'], []])
      expect(
        codeOf(() => keyPolicy(terms({ adminArns }))),
        adminArns.join(),
      ).to.equal('CONFIG_INVALID')
  })

  it('refuses a role that is no role, and an image measured under another one', () => {
    for (const roleArn of ['*', ACCOUNT_ROOT, `${HOST_ROLE}*`, 'arn:aws:sts::111122223333:assumed-role/a/b', ''])
      expect(
        codeOf(() => keyPolicy(terms({ roleArn }))),
        roleArn,
      ).to.equal('CONFIG_INVALID')
    expect(codeOf(() => keyPolicy(terms({ images: [anImage({ pcr3: pcr('a3') })] })))).to.equal('CONFIG_INVALID')
    expect(keyPolicy(terms({ images: [anImage({ pcr3: HOST_PCR3 })] }))).to.deep.equal(keyPolicy(terms()))
  })
})

describe('PCR3 of a role', () => {
  it('is zeros extended by the ASCII of its ARN, as another program computes it', () => {
    expect(pcr3Of(HOST_ROLE)).to.equal(HOST_PCR3)
    expect(pcr3Of(`${HOST_ROLE}s`)).to.not.equal(HOST_PCR3)
  })
})

describe('PCR16 of a configuration', () => {
  it('is what an NSM has in that register once a boot has locked the configuration', () => {
    const nsm = openNsm(openDevelopmentNsm())
    const name = lockedHash(CONFIGURATION)
    const hash = Buffer.from(name.slice(2), 'hex')
    lockConfiguration(nsm, Buffer.from(pcr16Of(CONFIGURATION), 'hex'), { hash, name })
    expect(pcr16Of(CONFIGURATION)).to.equal(toHex(nsm.describePcr(16).value).slice(2))
  })

  it('differs with the KMS key alone, which the configuration hash does not', () => {
    const { keyRelease: _, ...place } = CONFIGURATION
    expect(pcr16Of(place)).to.not.equal(pcr16Of(CONFIGURATION))
    expect(configHash(place)).to.equal(configHash(CONFIGURATION))
  })
})

describe('the permissions in IAM', () => {
  it('let the host use one key by two actions', () => {
    const [only, ...more] = hostRolePolicy(KEY_ARN).Statement
    expect(more).to.deep.equal([])
    expect(only).to.deep.include({ Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: KEY_ARN })
  })

  it('are refused for an alias, a pattern and a key without its account', () => {
    for (const arn of [KEY_ARN.replace(/key\/.*/, 'alias/ledger'), `${KEY_ARN}*`, '*', 'key/1234', ''])
      expect(
        codeOf(() => hostRolePolicy(arn)),
        arn,
      ).to.equal('CONFIG_INVALID')
  })

  it('let a canary try what the key policy has to forbid, and only who runs it be the canary', () => {
    const { trust, permissions } = canaryPolicies(KEY_ARN, OPERATOR)
    expect(permissions.Statement[0]).to.deep.include({ Action: ['kms:Decrypt', 'kms:GenerateDataKey'] })
    expect(trust.Statement[0]).to.deep.include({ Principal: { AWS: OPERATOR }, Action: 'sts:AssumeRole' })
    expect(codeOf(() => canaryPolicies(KEY_ARN, '*'))).to.equal('CONFIG_INVALID')
  })
})

describe('the context of a key policy', () => {
  it('takes the key versions that are named instead of the configured one, and refuses what is none', () => {
    expect(contextOf(CONFIGURATION, []).keyVersion).to.deep.equal(['1'])
    expect(contextOf(CONFIGURATION, ['1', '2']).keyVersion).to.deep.equal(['1', '2'])
    for (const text of ['01', '-1', 'two', '2147483648', ''])
      expect(
        codeOf(() => contextOf(CONFIGURATION, [text])),
        text,
      ).to.equal('CONFIG_INVALID')
  })

  it('is that of a signer’s one key where the configuration is a signer’s, and no core’s', () => {
    const amounts = { maxFundDepositWei: '0', maxFaceValueWei: '1', maxTotalFaceValueWei: '1' }
    const fees = { maxFeePerGasWei: '1', maxPriorityFeePerGasWei: '1', gasMax: 1, batchMax: 1 }
    const policy = { allowedRecipients: [], requireAllowlist: true, allowFundDeposit: true, ...amounts, ...fees }
    const { chainId, anchor: broker, keyRelease } = CONFIGURATION
    const file = { role: 'signer', chainId, broker, policy, keyRelease }
    const expected = encryptionContext(signerKeyContext(parseSignerConfiguration(file)), 'authority')
    const values = contextOf(readConfiguration(encode(file)), [])
    for (const [key, value] of Object.entries(expected)) expect(values).to.have.property(key).that.deep.equals([value])
    const printed = { format: 'anchorhold-signer-config/1', config: values.config?.[0], configuration: file }
    expect(contextOf(readConfiguration(encode(printed)), [])).to.deep.equal(values)
    // The same chain and address as the core's anchor: role and configuration still keep the two apart.
    expect(values.ledger).to.deep.equal(contextOf(CONFIGURATION, []).ledger)
    expect(values.role).to.not.deep.equal(contextOf(CONFIGURATION, []).role)
    expect(values.config).to.not.deep.equal(contextOf(CONFIGURATION, []).config)
  })

  it('leaves the key version open before there is a key', () => {
    const { keyRelease: _, ...place } = CONFIGURATION
    const before = contextOf(readConfiguration(encode(place)), [])
    expect(before).to.not.have.property('keyVersion')
    expect(before.config).to.deep.equal(contextOf(CONFIGURATION, []).config)
  })

  it('knows configuration and purposes from the hash alone, and refuses a hash of another form', () => {
    const config = configHash(CONFIGURATION)
    expect(contextOfHash(config, ['3'])).to.deep.equal({
      config: [config],
      purpose: ['authority', 'state'],
      keyVersion: ['3'],
    })
    for (const text of [config.slice(2), config.toUpperCase(), `${config}00`])
      expect(
        codeOf(() => contextOfHash(text, [])),
        text,
      ).to.equal('CONFIG_INVALID')
  })

  it('differs in the configuration and the ledger with the anchor alone', () => {
    const other = parseConfiguration({ ...CONFIGURATION, anchor: `0x${'e5'.repeat(20)}` })
    const [left, right] = [contextOf(CONFIGURATION, []), contextOf(other, [])]
    expect(left.ledger).to.not.deep.equal(right.ledger)
    expect(left.config).to.not.deep.equal(right.config)
  })
})

describe('the measurements that a key policy is made from', () => {
  const file = (over: object) => encode({ format: 'anchorhold-measurements/1', images: [{ ...anImage(), ...over }] })

  it('keep their names and digits', () => {
    expect(readImages(file({}))).to.deep.equal([anImage()])
    expect(readImages(file({ pcr8: pcr('a8') }))).to.deep.equal([anImage({ pcr8: pcr('a8') })])
  })

  it('are refused as a debug enclave’s when any of them is zeros', () => {
    for (const name of ['pcr0', 'pcr1', 'pcr2', 'pcr3', 'pcr8'])
      expect(
        codeOf(() => readImages(file({ [name]: '0'.repeat(96) }))),
        name,
      ).to.equal('ATTESTATION_DEBUG')
  })

  it('are refused when one is short, missing or in capitals', () => {
    for (const value of [pcr('a0').slice(2), undefined, pcr('A0'), `0x${pcr('a0').slice(2)}`])
      expect(codeOf(() => readImages(file({ pcr0: value })))).to.equal('ATTESTATION_EXPECTATION')
  })
})
