import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { encryptionContext } from '../../enclave/keys/encryption-context.ts'
import { decodeUserData, pcr16Of } from '../../enclave/protocol/attestation/user-data.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import { signerKeyContext, signerLockedHash, signerPolicyHash } from '../../enclave/protocol/signer-configuration.ts'
import { signerConfigurationOf } from '../../enclave/protocol/signer-terms.ts'
import { encryptAsAdmin } from '../stand-ins/kms/import.ts'
import { ADMIN_ROLE, KEY_ID, type KmsProcess, PARENT, startKms } from '../stand-ins/kms/start.ts'
import { contextValues, imagePcrs, imagePolicy } from '../stand-ins/kms/world.ts'
import { ACCOUNT, aTx, BROKER, CHAIN_ID, KEY, PAYEES } from '../unit/enclave/signer/a-signer.ts'
import { answerOf } from './cli-run.ts'
import { type Machine, openMachine, type RunningEnclave } from './kms-world.ts'
import { ask } from './signer-client.ts'

const IMAGE = 0x11
const SUITE_MS_MAX = 120_000
const CONFIGURATION = signerConfigurationOf({
  chain_id: CHAIN_ID,
  ticket_broker: BROKER,
  allowed_recipients: [...PAYEES].sort(),
  max_face_value_wei: '1000000000000000',
  key_id: KEY_ID,
} as never)
const CONTEXT = signerKeyContext(CONFIGURATION)
const WORDS = [
  ...['--role', 'signer', '--chain-id', `${CHAIN_ID}`, '--ticket-broker', BROKER, '--kms-key-id', KEY_ID],
  ...PAYEES.flatMap((payee) => ['--allowed-recipient', payee]),
]
const FACE_VALUE = ['--max-face-value-eth', '0.001']
const LENT = {
  AWS_ACCESS_KEY_ID: PARENT.accessKeyId,
  AWS_SECRET_ACCESS_KEY: PARENT.secretAccessKey,
  AWS_SESSION_TOKEN: PARENT.sessionToken ?? '',
}

describe('anchorhold provision --role signer, with a KMS', function () {
  this.timeout(SUITE_MS_MAX)
  let machine: Machine
  let kms: KmsProcess
  let enclave: RunningEnclave
  let folder = ''
  const endpoint = () => `unix://${folder}/signer.sock`
  const keyFile = () => join(folder, 'keys', 'signer.json')
  const provision = async (words: readonly string[], cap: readonly string[] = FACE_VALUE) => {
    const all = ['provision', ...WORDS, ...cap, '--endpoint', endpoint(), '--data', folder, ...words]
    return (await answerOf(all, { ...process.env, ...LENT })).value
  }
  const stored = (): { readonly address: string } => JSON.parse(readFileSync(keyFile(), 'utf8'))
  const restart = async () => {
    await enclave?.kill()
    enclave = await machine.start({ endpoint: endpoint(), image: IMAGE, kms })
  }

  before(async function () {
    this.timeout(SUITE_MS_MAX)
    machine = openMachine()
    folder = mkdtempSync(join(tmpdir(), 'provision-signer-'))
    const settings = { chainId: CHAIN_ID, anchor: BROKER, rpcUrls: ['http://127.0.0.1'], enclaveEndpoint: endpoint() }
    writeFileSync(join(folder, 'host.json'), JSON.stringify(settings))
    const policy = imagePolicy(contextValues(CONTEXT), { importArn: ADMIN_ROLE })
    kms = await startKms({ policy, rootPin: machine.rootPin })
    await restart()
  })
  after(async () => {
    await machine?.stop()
    await kms?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('draws a key, keeps its ciphertext before it signs anything, and provisions nobody twice', async () => {
    const { address } = await provision(['--generate'])
    expect(stored().address).to.equal(address)
    expect((await ask(endpoint(), 'address')).result).to.deep.equal({ address })
    expect((await provision(['--generate'])).code).to.equal('CONFIG_INVALID')
    expect((await provision(['--ciphertext', keyFile()])).code).to.equal('PHASE_FORBIDS')
  })

  it('shows role, policy and key in a document, and what it is for in PCR16', async () => {
    const nonce = new Uint8Array(32).fill(7)
    const { result } = await ask(endpoint(), 'attestation', { nonce: toHex(nonce) })
    const at = (index: number) => imagePcrs(IMAGE).get(index) as Uint8Array
    const pcr16 = pcr16Of(signerLockedHash(CONFIGURATION))
    const verified = verifyUnder(
      Buffer.from(result?.['document_b64'] ?? '', 'base64'),
      {
        mode: 'archived',
        measurements: [{ name: 'signer', pcr0: at(0), pcr1: at(1), pcr2: at(2), pcr16 }],
        nonce,
        binding: 'unchecked',
      },
      machine.rootPin,
    )
    expect(decodeUserData(verified.userData as Uint8Array)).to.include({
      role: 'signer',
      config: CONTEXT.config,
      authority: stored().address.toLowerCase(),
      policyHash: signerPolicyHash(CONFIGURATION.policy),
      session: null,
    })
  })

  it('has its key again after a restart, under this policy and under no laxer one', async () => {
    await restart()
    expect((await provision(['--ciphertext', keyFile()], ['--max-face-value-eth', '1'])).code).to.equal('KMS_REFUSED')
    await restart()
    const other = await provision(['--ciphertext', keyFile(), '--expected-address', ACCOUNT.address])
    expect(other.code).to.equal('KEY_ADDRESS')
    expect((await provision(['--ciphertext', keyFile()])).address).to.equal(stored().address)
  })

  it('opens a key that its owner encrypted for this policy, and demands to be told its address', async () => {
    const imported = join(folder, 'imported')
    writeFileSync(imported, await encryptAsAdmin(kms, encryptionContext(CONTEXT, 'authority'), Buffer.from(toHex(KEY))))
    await restart()
    expect((await provision(['--ciphertext', imported])).code).to.equal('KEY_ADDRESS')
    const provisioned = await provision(['--ciphertext', imported, '--expected-address', ACCOUNT.address])
    expect(provisioned.address).to.equal(ACCOUNT.address)
    const signed = await ask(endpoint(), 'sign_transaction', { tx: aTx() })
    expect(signed.result?.['raw_tx']).to.match(/^0x02/)
    const dearer = await ask(endpoint(), 'sign_transaction', { tx: aTx({ maxFeePerGas: 10n ** 18n }) })
    expect(dearer.error?.code).to.equal('SIGNER_POLICY')
  })
})
