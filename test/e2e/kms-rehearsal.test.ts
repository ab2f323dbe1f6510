import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { attestationDigestOf, imageDigestOf } from '../../enclave/protocol/attestation/user-data.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { configHash, parseConfiguration } from '../../enclave/protocol/configuration.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { type Address, type Hash, toAddress } from '../../enclave/protocol/ids.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import type { HostConfig } from '../../host/config.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { configureEnclave, lentForRelease } from '../../host/key-release.ts'
import { keyPolicy } from '../../scripts/kms/policy.ts'
import { ADMIN_ROLE, KEY_ID, type KmsProcess, PARENT, PARENT_ROLE, REGION, startKms } from '../stand-ins/kms/start.ts'
import { contextValues, imagePcrs } from '../stand-ins/kms/world.ts'
import { answerOf } from './cli-run.ts'
import { type Machine, openMachine, type RunningEnclave } from './kms-world.ts'
import { ether, startWorld, until, type World } from './pipeline-world.ts'

const WORLD_MS_MAX = 240_000
const STEP_MS_MAX = 60_000
const STAGES = ['ingest', 'prepare', 'broadcast', 'confirm'] as const
const [OLD_IMAGE, NEW_IMAGE, STRANGE_IMAGE] = [0x11, 0x31, 0x51]
const MASTER_KEY = '5a'.repeat(32)
const AWS = {
  AWS_ACCESS_KEY_ID: PARENT.accessKeyId,
  AWS_SECRET_ACCESS_KEY: PARENT.secretAccessKey,
  AWS_SESSION_TOKEN: PARENT.sessionToken ?? '',
}

describe('A ledger whose keys KMS releases under attestation', function () {
  this.timeout(WORLD_MS_MAX)
  const before_: { [name: string]: string | undefined } = {}
  let machine: Machine
  let kms: KmsProcess
  let enclave: RunningEnclave
  let world: World

  /** KMS with the policy that the generator makes for these images. Ciphertexts of the one before still open. */
  async function kmsFor(config: HostConfig, ...images: readonly number[]): Promise<KmsProcess> {
    const hex = (image: number, index: number) => Buffer.from(imagePcrs(image).get(index) ?? []).toString('hex')
    const configuration = parseConfiguration(JSON.parse(readFileSync(config.enclaveConfig, 'utf8')))
    const policy = keyPolicy({
      images: images.map((image) => ({
        name: `image ${image}`,
        pcr0: hex(image, 0),
        pcr1: hex(image, 1),
        pcr2: hex(image, 2),
      })),
      roleArn: PARENT_ROLE,
      adminArns: [ADMIN_ROLE],
      context: contextValues({
        ledgerId: ledgerIdOf(configuration),
        config: configHash(configuration),
        role: 'core',
        keyVersion: 1,
      }),
    })
    const listen = `unix://${join(machine.folder, 'kms.sock')}`
    return startKms({
      policy,
      rootPin: machine.rootPin,
      masterKey: MASTER_KEY,
      listen,
      ...(kms === undefined ? {} : { identity: kms.identity }),
    })
  }

  const command = (...words: string[]) => answerOf([...words, '--data', world.dataDir])

  before(async function () {
    this.timeout(WORLD_MS_MAX)
    for (const [name, value] of Object.entries(AWS)) {
      before_[name] = process.env[name]
      process.env[name] = value
    }
    machine = openMachine()
    world = await startWorld({
      settings: { enclaveProcess: 'none' },
      keyRelease: { keyId: KEY_ID, region: REGION, keyVersion: 1 },
      drawKeys: async (config) => {
        kms = await kmsFor(config, OLD_IMAGE)
        enclave = await machine.start({ endpoint: config.enclaveEndpoint, image: OLD_IMAGE, kms })
        const { code, value } = await answerOf(['provision', '--generate', '--data', config.paths.root])
        expect(code, JSON.stringify(value)).to.equal(0)
        return toAddress(value.authority) as Address
      },
    })
  })
  after(async () => {
    await world?.stop()
    await machine?.stop()
    await kms?.stop()
    for (const [name, value] of Object.entries(before_))
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  })

  async function paid(total: string): Promise<void> {
    await until(
      `${total} ether paid`,
      async () => ((await world.status())?.ledger?.paidWei === ether(total) ? true : undefined),
      STEP_MS_MAX,
    )
  }

  /** The documents that the host kept, by epoch. */
  function documents(): readonly Uint8Array[] {
    const folder = world.config.paths.attestations
    const byEpoch = (left: string, right: string) => Number.parseInt(left, 10) - Number.parseInt(right, 10)
    return readdirSync(folder)
      .sort(byEpoch)
      .map((name) => readFileSync(join(folder, name)))
  }

  function judged(document: Uint8Array, image: number) {
    const [pcr0, pcr1, pcr2] = [0, 1, 2].map((index) => imagePcrs(image).get(index) as Uint8Array) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    const measurements = [{ name: 'expected', pcr0, pcr1, pcr2 }]
    return verifyUnder(
      document,
      { mode: 'archived', measurements, nonce: 'unchecked', binding: 'unchecked' },
      machine.rootPin,
    )
  }

  it('draws its keys in an enclave that KMS knows by its image, and never over keys that are there', async () => {
    expect((await command('provision', '--generate')).value.code).to.equal('CONFIG_INVALID')
    const keys = readFileSync(world.config.paths.keyFile, 'utf8')
    expect(JSON.parse(keys).address).to.equal(world.authority)
  })

  it('boots, opens a session whose document the chain names, and pays', async () => {
    await world.start('supervisor')
    for (const name of STAGES) await world.start(name)
    world.credit(1, '0.1')
    await paid('0.3')
    const [first] = documents()
    expect(first).to.not.equal(undefined)
    expect(judged(first as Uint8Array, OLD_IMAGE).mode).to.equal('archived')
    expect(attestationDigestOf(first as Uint8Array)).to.match(/^0x[0-9a-f]{64}$/)
  })

  it('refuses to be provisioned a second time', async () => {
    const client = openEnclaveClient(world.config.enclaveEndpoint)
    const { ciphertext_b64, state_ciphertext_b64 } = JSON.parse(readFileSync(world.config.paths.keyFile, 'utf8'))
    const lent = await lentForRelease(world.config)
    const again = client.call('provision', { ciphertext_b64, state_ciphertext_b64, ...lent })
    expect(await codeOf(again)).to.equal('PHASE_FORBIDS')
    client.close()
  })

  it('gives its keys to no image that the key policy does not name', async () => {
    expect(await released(STRANGE_IMAGE)).to.equal('KMS_REFUSED')
  })

  it('goes over to the next image in the steps of the runbook, and the old one is left without keys', async () => {
    await kms.stop()
    kms = await kmsFor(world.config, OLD_IMAGE, NEW_IMAGE)
    const { epoch } = (await world.status())?.ledger ?? { epoch: 0 }
    await enclave.kill()
    enclave = await machine.start({ endpoint: world.config.enclaveEndpoint, image: NEW_IMAGE, kms })
    await until(
      'the next image is active',
      async () =>
        (await world.status())?.ledger?.epoch === epoch + 1 && (await world.status())?.phase === 'active'
          ? true
          : undefined,
      STEP_MS_MAX,
    )
    world.credit(1, '0.1')
    await paid('0.6')
    expect(judged(documents().at(-1) as Uint8Array, NEW_IMAGE).imageDigest).to.equal(digestOf(NEW_IMAGE))
    const audited = await command('audit', 'verify')
    expect(audited.value).to.include({ verdict: 'clean' })
    expect(audited.value.ledger.imageDigest).to.equal(digestOf(NEW_IMAGE))
    await kms.stop()
    kms = await kmsFor(world.config, NEW_IMAGE)
    expect(await released(OLD_IMAGE)).to.equal('KMS_REFUSED')
    expect(await released(NEW_IMAGE)).to.equal('accepted')
  })

  /** What another enclave of this image hears when it asks for the ledger's keys. */
  async function released(image: number): Promise<string> {
    const endpoint = `unix://${join(machine.folder, `image-${image}.sock`)}`
    const other = await machine.start({ endpoint, image, kms })
    const client = openEnclaveClient(endpoint)
    try {
      await configureEnclave(client, world.config.enclaveConfig, await client.call('status', {}))
      const { ciphertext_b64, state_ciphertext_b64 } = JSON.parse(readFileSync(world.config.paths.keyFile, 'utf8'))
      const lent = await lentForRelease(world.config)
      return await codeOf(client.call('provision', { ciphertext_b64, state_ciphertext_b64, ...lent }))
    } finally {
      client.close()
      await other.kill()
    }
  }
})

function digestOf(image: number): Hash {
  const [pcr0, pcr1, pcr2] = [0, 1, 2].map((index) => imagePcrs(image).get(index) as Uint8Array)
  return imageDigestOf(pcr0 as Uint8Array, pcr1 as Uint8Array, pcr2 as Uint8Array)
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
    return 'accepted'
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  }
}
