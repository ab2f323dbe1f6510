import { expect } from 'chai'
import { configHash } from '../../../../enclave/protocol/configuration.ts'
import { wei } from '../../../../enclave/protocol/money.ts'
import {
  parseSignerConfiguration,
  type SignerConfiguration,
  type SignerPolicy,
  signerConfigHash,
  signerKeyContext,
  signerLockedHash,
  signerPolicyHash,
} from '../../../../enclave/protocol/signer-configuration.ts'
import { SIGNER_METHODS } from '../../../../enclave/protocol/signer-methods.ts'
import { signerConfigurationOf } from '../../../../enclave/protocol/signer-terms.ts'
import { ledgerIdOf } from '../../../../enclave/protocol/typed-data.ts'
import { codeOf } from '../../../builders/refusals.ts'
import { aHash, aSignerConfiguration, aSignerPolicy, BROKER, CHAIN_ID, PAYEES, STRANGER } from './a-signer.ts'

const ARN = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555'
const TERMS = { keyId: ARN, region: 'eu-central-1', keyVersion: 1 }

/** The configuration as it stands in JSON: wei as decimal text. */
function inJson(configuration: SignerConfiguration): { [key: string]: unknown } {
  return JSON.parse(JSON.stringify(configuration, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))
}

/** Terms as the wire's reader hands them on. */
function termsOf(params: { readonly [name: string]: unknown }) {
  return SIGNER_METHODS.generate.params.parse({ chain_id: CHAIN_ID, ticket_broker: BROKER, ...params })
}

describe('configuration of a signer', () => {
  const other: { readonly [K in keyof SignerPolicy]: SignerPolicy[K] } = {
    allowedRecipients: PAYEES.slice(1),
    requireAllowlist: false,
    allowFundDeposit: false,
    maxFundDepositWei: wei(5_001n),
    maxFaceValueWei: wei(1_001n),
    maxTotalFaceValueWei: wei(2_501n),
    batchMax: 5,
    maxFeePerGasWei: wei(2_001n),
    maxPriorityFeePerGasWei: wei(51n),
    gasMax: 900_001,
  }

  it('has a hash that no field of it leaves alone, the policy least of all', () => {
    const honest = aSignerConfiguration()
    const changed: SignerConfiguration[] = [
      { ...honest, chainId: 1 },
      { ...honest, broker: STRANGER },
      ...Object.entries(other).map(([name, value]) => aSignerConfiguration({ [name]: value })),
    ]
    expect(Object.keys(other)).to.have.members(Object.keys(aSignerPolicy()))
    const hashes = [honest, ...changed].map(signerConfigHash)
    expect(new Set(hashes).size).to.equal(hashes.length)
    const policies = [honest, ...changed.slice(2)].map(({ policy }) => signerPolicyHash(policy))
    expect(new Set(policies).size).to.equal(policies.length)
  })

  it('keeps its hash when the key moves to another region, and is locked under another name', () => {
    const honest = aSignerConfiguration()
    const released = { ...honest, keyRelease: TERMS }
    expect(signerConfigHash(released)).to.equal(signerConfigHash(honest))
    const names = [honest, released, { ...released, keyRelease: { ...TERMS, keyVersion: 2 } }].map(signerLockedHash)
    expect(new Set(names).size).to.equal(3)
  })

  it('opens keys under its own role, broker, hash and key version', () => {
    const configuration = { ...aSignerConfiguration(), keyRelease: { ...TERMS, keyVersion: 7 } }
    expect(signerKeyContext(configuration)).to.deep.equal({
      ledgerId: ledgerIdOf({ chainId: CHAIN_ID, anchor: BROKER }),
      config: signerConfigHash(configuration),
      role: 'signer',
      keyVersion: 7,
    })
  })

  it('is told from a core of the same places by its hash', () => {
    const core = { chainId: CHAIN_ID, anchor: BROKER, broker: BROKER, guardian: BROKER, role: 'core' as const }
    expect(configHash({ ...core, genesisHash: aHash(1) })).to.not.equal(signerConfigHash(aSignerConfiguration()))
  })

  it('is read back from JSON as it was', () => {
    const configuration = { ...aSignerConfiguration(), keyRelease: TERMS }
    expect(parseSignerConfiguration(inJson(configuration))).to.deep.equal(configuration)
  })

  const honest = inJson({ ...aSignerConfiguration(), keyRelease: TERMS })
  const wrong: readonly (readonly [string, object])[] = [
    ['another role', { role: 'core' }],
    ['no chain', { chainId: 0 }],
    ['no broker', { broker: `0x${'00'.repeat(20)}` }],
    ['a field of the core', { anchor: BROKER }],
    ['no policy', { policy: undefined }],
    ['a policy without a cap', { policy: { ...(honest['policy'] as object), maxFaceValueWei: undefined } }],
    [
      'recipients out of order',
      { policy: { ...(honest['policy'] as object), allowedRecipients: PAYEES.toReversed() } },
    ],
    ['a recipient twice', { policy: { ...(honest['policy'] as object), allowedRecipients: [PAYEES[0], PAYEES[0]] } }],
    ['a batch of more than a block takes', { policy: { ...(honest['policy'] as object), batchMax: 51 } }],
    ['a tip above the fee', { policy: { ...(honest['policy'] as object), maxPriorityFeePerGasWei: '2001' } }],
    ['an alias for a key', { keyRelease: { ...TERMS, keyId: 'arn:aws:kms:eu-central-1:123456789012:alias/a' } }],
    ['a region that is none', { keyRelease: { ...TERMS, keyId: ARN.replace(TERMS.region, 's3'), region: 's3' } }],
    [
      'a region that is no name',
      { keyRelease: { ...TERMS, keyId: ARN.replace(TERMS.region, 'xn--'), region: 'xn--' } },
    ],
    ['a key of another region', { keyRelease: { ...TERMS, region: 'us-east-1' } }],
  ]
  for (const [what, change] of wrong)
    it(`with ${what} is refused`, () => {
      expect(codeOf(() => parseSignerConfiguration(honest))).to.equal('accepted')
      expect(codeOf(() => parseSignerConfiguration({ ...honest, ...change }))).to.equal('CONFIG_INVALID')
    })
})

describe('terms of a signer, as the replaced client names them', () => {
  it('mean a policy that signs nothing where they say nothing', () => {
    const { policy } = signerConfigurationOf(termsOf({}))
    expect(policy).to.deep.equal({
      allowedRecipients: [],
      requireAllowlist: true,
      allowFundDeposit: true,
      maxFundDepositWei: 0n,
      maxFaceValueWei: 0n,
      maxTotalFaceValueWei: 0n,
      batchMax: 20,
      maxFeePerGasWei: 10_000_000_000n,
      maxPriorityFeePerGasWei: 10_000_000_000n,
      gasMax: 7_000_000,
    })
  })

  it('mean the same whether recipients come as a list or as one text, in any order and case', () => {
    const list = signerConfigurationOf(termsOf({ allowed_recipients: PAYEES }))
    const text = signerConfigurationOf(termsOf({ allowed_recipients: ` ${PAYEES.toReversed().join(' , ')},` }))
    expect(text).to.deep.equal(list)
    expect(signerConfigurationOf(termsOf({ allowed_recipients: [...PAYEES, PAYEES[0]] }))).to.deep.equal(list)
    expect(signerConfigurationOf(termsOf({ allowed_recipients: '' })).policy.allowedRecipients).to.deep.equal([])
  })

  it('take amounts as integers of any size, decimal text and hex, to the last wei', () => {
    const amount = 1_234_567_890_123_456_789n
    for (const form of [amount, `${amount}`, `0x${amount.toString(16)}`]) {
      const { policy } = signerConfigurationOf(termsOf({ max_face_value_wei: form }))
      expect(policy.maxFaceValueWei).to.equal(amount)
      expect(policy.maxTotalFaceValueWei, 'a batch totals what one ticket may').to.equal(amount)
    }
    const { policy } = signerConfigurationOf(termsOf({ max_face_value_wei: 5, max_total_face_value_wei: 9 }))
    expect(policy.maxTotalFaceValueWei).to.equal(9n)
  })

  it('name a key by its full ARN, whose region is the region', () => {
    expect(signerConfigurationOf(termsOf({ key_id: ARN })).keyRelease).to.deep.equal(TERMS)
    expect(
      signerConfigurationOf(termsOf({ key_id: ARN, region: 'eu-central-1', key_version: 3 })).keyRelease,
    ).to.deep.equal({ ...TERMS, keyVersion: 3 })
    expect(codeOf(() => signerConfigurationOf(termsOf({ key_id: ARN, region: 'eu-west-1' })))).to.equal(
      'CONFIG_INVALID',
    )
    expect(codeOf(() => signerConfigurationOf(termsOf({ key_id: 'alias/payments' })))).to.equal('CONFIG_INVALID')
    expect(signerConfigurationOf(termsOf({ region: 'eu-west-1' })).keyRelease).to.equal(undefined)
  })

  it('mean by null what they mean by saying nothing', () => {
    const nulls = { allowed_recipients: null, max_face_value_wei: null, require_allowlist: null, key_id: null }
    expect(signerConfigurationOf(termsOf(nulls))).to.deep.equal(signerConfigurationOf(termsOf({})))
    expect(() => termsOf({ allowed_recipients: [null] })).to.throw()
  })

  it('without a chain or a broker are refused', () => {
    expect(codeOf(() => signerConfigurationOf({ ticket_broker: BROKER }))).to.equal('PARAMS_INVALID')
    expect(codeOf(() => signerConfigurationOf({ chain_id: CHAIN_ID }))).to.equal('PARAMS_INVALID')
  })
})
