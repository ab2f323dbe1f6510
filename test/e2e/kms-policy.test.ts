/** The road of an operator: a policy from measurements, its linter, and canaries at a KMS that judges by that policy. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Command } from 'commander'
import { encryptionContext } from '../../enclave/keys/encryption-context.ts'
import { sealKey } from '../../enclave/keys/kms/envelope.ts'
import { configHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { signerKeyContext } from '../../enclave/protocol/signer-configuration.ts'
import { SIGNER_METHODS } from '../../enclave/protocol/signer-methods.ts'
import { signerConfigurationOf } from '../../enclave/protocol/signer-terms.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import { readProvision, withProvisionOptions } from '../../scripts/cli/provision/options.ts'
import type { Attempt } from '../../scripts/kms/canary.ts'
import { writeBlob } from '../stand-ins/kms/blob.ts'
import { issueServer } from '../stand-ins/kms/certificates.ts'
import type { PolicyDocument } from '../stand-ins/kms/policy.ts'
import { ADMIN_ROLE, KEY_ID, PARENT, PARENT_ROLE, REGION } from '../stand-ins/kms/start.ts'
import { imagePcrs, KmsWorld } from '../stand-ins/kms/world.ts'
import { anchorhold, answerOf, typed, type Value } from './cli-run.ts'
import { type Imds, startImds } from './imds-server.ts'

const WORLD_MS_MAX = 120_000
const IMAGE_FILL = 0x11
const OTHER_FILL = 0x51
const CONFIGURATION = {
  chainId: 42_161,
  anchor: `0x${'a1'.repeat(20)}`,
  broker: `0x${'b2'.repeat(20)}`,
  guardian: `0x${'c3'.repeat(20)}`,
  role: 'core',
  genesisHash: `0x${'d4'.repeat(32)}`,
  keyRelease: { keyId: KEY_ID, region: REGION, keyVersion: 1 },
}
/** What the policy of the world below has instead of Denies, or beside them. */
type Change = (policy: PolicyDocument) => PolicyDocument

describe('The way of a key policy', function () {
  this.timeout(WORLD_MS_MAX)
  const masterKey = randomBytes(32)
  const files = { folder: '', policy: '', configuration: '', ciphertext: '', document: '', measurements: '' }
  let policy: PolicyDocument
  let world: KmsWorld | undefined

  before(async () => {
    files.folder = mkdtempSync(join(tmpdir(), 'kms-policy-'))
    const named = (name: string) => join(files.folder, name)
    Object.assign(files, {
      policy: named('policy.json'),
      configuration: named('enclave.json'),
      ciphertext: named('keys.json'),
      document: named('document.b64'),
      measurements: named('measurements.json'),
    })
    writeFileSync(files.configuration, JSON.stringify(CONFIGURATION))
    const part = (index: number) => Buffer.from(imagePcrs(IMAGE_FILL).get(index) ?? []).toString('hex')
    const images = [{ name: 'core', pcr0: part(0), pcr1: part(1), pcr2: part(2) }]
    writeFileSync(files.measurements, JSON.stringify({ format: 'anchorhold-measurements/1', images }))
    writeFileSync(files.ciphertext, JSON.stringify({ ciphertext_b64: keyCiphertext().toString('base64') }))
    await made()
    policy = JSON.parse(readFileSync(files.policy, 'utf8'))
  })

  after(() => rmSync(files.folder, { recursive: true, force: true }))

  afterEach(async () => {
    await world?.kms.stop()
    world = undefined
  })

  function made() {
    const arns = ['--role-arn', PARENT_ROLE, '--admin-arn', ADMIN_ROLE]
    const from = ['--measurements', files.measurements, '--enclave-config', files.configuration]
    return anchorhold(['kms', 'policy', ...from, ...arns, '--out', files.policy])
  }

  /** As provisioning leaves it: the key sealed under a data key, beside what KMS made of that. */
  function keyCiphertext(): Buffer {
    const configuration = parseConfiguration(CONFIGURATION)
    const place = { ledgerId: ledgerIdOf(configuration), config: configHash(configuration) }
    const context = encryptionContext({ ...place, role: 'core', keyVersion: 1 }, 'authority')
    const plaintext = randomBytes(32)
    const blob = writeBlob(masterKey, KEY_ID, context, plaintext)
    return Buffer.from(sealKey(randomBytes(32), { plaintext, blob }, context, (size) => randomBytes(size)))
  }

  /** A canary against a KMS with this policy, with the credentials of the host's own role unless others are named. */
  async function canary(change: Change, environment: NodeJS.ProcessEnv = {}): Promise<{ code: number; value: Value }> {
    const over = { policy: change(policy), masterKey: masterKey.toString('hex'), identity: issueServer('localhost') }
    world = await KmsWorld.start(over)
    const document = world.options({ pcrs: imagePcrs(OTHER_FILL) }).attest()
    writeFileSync(files.document, Buffer.from(document).toString('base64'))
    const { port } = new URL(world.kms.endpoint)
    return answerOf(
      ['kms', 'canary', 'run', '--enclave-config', files.configuration, '--ciphertext', files.ciphertext].concat([
        '--document',
        files.document,
      ]),
      {
        PATH: process.env['PATH'],
        NODE_EXTRA_CA_CERTS: world.kms.caFile,
        AWS_ENDPOINT_URL_KMS: `https://localhost:${port}`,
        AWS_ACCESS_KEY_ID: PARENT.accessKeyId,
        AWS_SECRET_ACCESS_KEY: PARENT.secretAccessKey,
        AWS_SESSION_TOKEN: PARENT.sessionToken,
        ...environment,
      },
    )
  }

  const verdicts = ({ attempts }: { attempts: readonly Attempt[] }) =>
    attempts.map(({ action, document, context, verdict }) => `${action}, ${document}, ${context}: ${verdict}`)
  const without = (policy: PolicyDocument, ...sids: string[]): PolicyDocument => ({
    ...policy,
    Statement: policy.Statement.filter(({ Sid = '' }) => !sids.includes(Sid)),
  })
  const withHole = (policy: PolicyDocument): PolicyDocument => {
    const hole = { Sid: 'Hole', Effect: 'Allow', Principal: { AWS: PARENT_ROLE }, Action: 'kms:*', Resource: '*' }
    return { ...policy, Statement: [...policy.Statement, hole] }
  }

  it('begins with a policy that its linter lets pass, for these measurements and no others', async () => {
    const words = ['kms', 'lint', files.policy, '--measurements', files.measurements]
    const { code, value } = await answerOf(words)
    expect([code, value.format, value.errors]).to.deep.equal([0, 'anchorhold-kms-lint/1', 0])
    const other = join(files.folder, 'other.json')
    writeFileSync(other, readFileSync(files.measurements, 'utf8').replaceAll('11', '22'))
    const refused = await anchorhold(['kms', 'lint', files.policy, '--measurements', other])
    expect(refused.code).to.equal(1)
    expect(refused.out).to.contain('error MEASUREMENT_UNKNOWN in UseByImage')
  })

  it('never writes over a policy that is there', async () => {
    const { code, err } = await made()
    expect([code, err.startsWith('CONFIG_INVALID: ')]).to.deep.equal([1, true])
  })

  it('binds a signer’s key to what provisioning will ask of the signer, digit by digit', async () => {
    const place = ['--chain-id', '42161', '--ticket-broker', CONFIGURATION.broker]
    const payee = ['--allowed-recipient', CONFIGURATION.guardian]
    const limits = ['--max-face-value-wei', '100000000000000001', '--key-id', KEY_ID, '--key-version', '1']
    const printed = await typed(['signer', '--config-only', '--json', ...place, ...payee, ...limits])
    const signer = join(files.folder, 'signer.json')
    writeFileSync(signer, printed.out)
    const arns = ['--role-arn', PARENT_ROLE, '--admin-arn', ADMIN_ROLE]
    const words = ['kms', 'policy', '--json', '--measurements', files.measurements, '--enclave-config', signer, ...arns]
    const { policy: made } = JSON.parse((await typed(words)).out)
    const command = withProvisionOptions(new Command()).option('--generate')
    const eth = ['--max-face-value-eth', '0.100000000000000001', '--kms-key-id', KEY_ID]
    const flags = command.parse(['--role', 'signer', '--generate', ...place, ...payee, ...eth], { from: 'user' }).opts()
    const options = readProvision(flags, { typedIn: files.folder, readText: () => '' })
    if (options.role !== 'signer' || options.keyId === undefined) throw new Error('these are the options of a signer')
    const terms = SIGNER_METHODS.generate.params.parse({ ...options.terms, key_id: options.keyId })
    const sent = encryptionContext(signerKeyContext(signerConfigurationOf(terms)), 'authority')
    for (const [name, value] of Object.entries(sent)) {
      const sid = `NoUseForOther${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
      const { Condition } = made.Statement.find(({ Sid }: Value) => Sid === sid)
      expect(Condition.StringNotEquals[`kms:EncryptionContext:${name}`], name).to.deep.equal([value])
    }
  })

  it('prints what roles and registers need, and refuses what it cannot read by one line', async () => {
    const iam = JSON.parse((await typed(['kms', 'iam', '--key-arn', KEY_ID, '--json'])).out)
    expect([iam.format, iam.policy.Statement[0].Resource]).to.deep.equal(['anchorhold-kms-iam/1', KEY_ID])
    const canaries = await typed(['kms', 'canary', '--key-arn', KEY_ID, '--assumed-by-arn', ADMIN_ROLE])
    expect(Object.keys(JSON.parse(canaries.out))).to.deep.equal(['trust', 'permissions'])
    for (const words of [
      ['kms', 'pcr3', '--role-arn', PARENT_ROLE],
      ['kms', 'pcr16', '--enclave-config', files.configuration],
    ])
      expect((await typed(words)).out, words.join(' ')).to.match(/^[0-9a-f]{96}\n$/)
    for (const words of [
      ['kms', 'lint', files.folder],
      ['kms', 'pcr16', '--enclave-config', files.policy],
      ['kms', 'iam', '--key-arn', 'alias/ledger'],
    ]) {
      const { code, err } = await typed(words)
      expect([code, err.split(':')[0]], words.join(' ')).to.deep.equal([1, 'CONFIG_INVALID'])
    }
    expect((await typed(['kms', 'policy'])).code).to.equal(2)
  })

  it('shows a canary of the host’s own role a closed key, however it asks', async () => {
    const { code, value } = await canary((unchanged) => unchanged)
    expect([code, value.code]).to.deep.equal([0, null])
    expect(verdicts(value)).to.deep.equal([
      'Decrypt, none, right: refused',
      'GenerateDataKey, none, right: refused',
      'Decrypt, none, none: refused',
      'GenerateDataKey, none, none: refused',
      'Decrypt, another image, right: refused',
      'GenerateDataKey, another image, right: refused',
    ])
  })

  it('stays closed while every Deny stands, whatever is allowed beside them', async () => {
    expect((await canary(withHole)).code).to.equal(0)
  })

  it('raises KEY_OPEN when a role may decrypt without a document, and prints nothing of what came back', async () => {
    const { code, value } = await canary((one) => withHole(without(one, 'NoUseUnattested', 'NoUseByOtherImages')))
    expect([code, value.code]).to.deep.equal([1, 'KEY_OPEN'])
    expect(verdicts(value)).to.include('Decrypt, none, right: open').and.include('Decrypt, none, none: refused')
    expect(Object.keys(value.attempts[0]).sort()).to.deep.equal(['action', 'context', 'document', 'said', 'verdict'])
  })

  it('raises KEY_OPEN when only another image gets in', async () => {
    const { code, value } = await canary((one) => withHole(without(one, 'NoUseByOtherImages')))
    expect([code, value.code]).to.deep.equal([1, 'KEY_OPEN'])
    expect(verdicts(value).filter((line) => line.endsWith('open'))).to.deep.equal([
      'Decrypt, another image, right: open',
      'GenerateDataKey, another image, right: open',
    ])
  })

  it('counts it as open when KMS looked at the ciphertext at all', async () => {
    const denies = policy.Statement.filter(({ Effect }) => Effect === 'Deny').map(({ Sid = '' }) => Sid)
    const { value } = await canary((one) => withHole(without(one, ...denies)))
    const withoutContext = value.attempts.find(
      ({ action, context }: Attempt) => action === 'Decrypt' && context === 'none',
    )
    expect(withoutContext).to.include({ verdict: 'open', said: 'InvalidCiphertextException' })
  })

  it('ends with CANARY_BLIND and exit code 2 when KMS does not know who asks', async () => {
    const { code, value } = await canary((unchanged) => unchanged, { AWS_ACCESS_KEY_ID: 'NOBODYACCESSKEY' })
    expect([code, value.code]).to.deep.equal([2, 'CANARY_BLIND'])
  })

  describe('with the credentials of an instance', () => {
    let imds: Imds | undefined

    afterEach(async () => imds?.stop())

    it('asks KMS as the role of the instance', async () => {
      const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token } = PARENT
      const Expiration = '2099-01-01T00:00:00Z'
      imds = await startImds({ credentials: JSON.stringify({ AccessKeyId, SecretAccessKey, Token, Expiration }) })
      const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_SESSION_TOKEN: '' }
      const environment = { ...none, AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.endpoint }
      const { code, value } = await canary((one) => withHole(without(one, 'NoUseByOtherImages')), environment)
      expect([code, value.code]).to.deep.equal([1, 'KEY_OPEN'])
    })
  })
})
